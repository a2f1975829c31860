// Starts the page, shows the view that the address names, and keeps what is on screen up to date.

import { api } from "./api.js";
import { askName } from "./dialogs.js";
import { button, element } from "./dom.js";
import { notify } from "./notices.js";
import { PageEdits } from "./page_edits.js";
import { PageList } from "./page_list.js";
import { PageView } from "./page_view.js";
import { LIST, routeOf } from "./routes.js";
import { drafts, saveSetting, setting } from "./settings.js";
import { TrainingView } from "./training.js";

const POLL = 2000; // milliseconds
const root = document.getElementById("app");
const open = new Map(); // page name -> PageEdits, of pages on screen or not saved
let view = null;
let route = null;
let overview = null;
let revision = 0;

async function start() {
  overview = await api.overview();
  revision = overview.revision;
  drafts.folder = overview.folder_id;
  if (overview.people && setting("name") === null) saveSetting("name", await askName(null));
  window.addEventListener("hashchange", show);
  document.querySelector(".skip-link").addEventListener("click", skip);
  window.addEventListener("beforeunload", warn);
  await show();
  setTimeout(poll, POLL);
}

async function show() {
  const wanted = (route = routeOf(location.hash));
  view?.close();
  view = null;
  try {
    const made = await viewOf(wanted);
    if (route !== wanted) return; // the user went on meanwhile
    view = made;
    root.replaceChildren(view.element);
    for (const edits of open.values()) edits.dispatchEvent(new Event("state"));
    window.scrollTo(0, 0);
    await view.open();
  } catch (error) {
    if (route === wanted) fail(error);
  }
}

async function viewOf({ view: kind, name }) {
  if (kind === "training") return new TrainingView();
  if (kind === "list") return new PageList(overview);
  forgetSaved();
  if (!open.has(name)) open.set(name, watched(new PageEdits(await api.page(name))));
  document.title = `${name} – htr review`;
  return new PageView(open.get(name));
}

/** Tell what becomes of a page's edits after the user left it; the page's own view tells before. */
function watched(edits) {
  let told = "";
  let close = () => {};
  edits.addEventListener("state", () => {
    const { kind, text } = edits.state;
    const message = kind === "failing" && view?.edits !== edits ? `${edits.page.name}: ${text}` : "";
    if (message === told) return;
    told = message;
    close();
    if (message) close = notify(message, "problem");
  });
  edits.addEventListener("told", ({ detail: { text, kind } }) => {
    if (view?.edits !== edits) notify(`${edits.page.name}: ${text}`, kind);
  });
  return edits;
}

/** Forget pages that are saved; the others go on being sent. */
function forgetSaved() {
  for (const [name, edits] of open) {
    if (!edits.unsaved) open.delete(name);
  }
}

async function poll() {
  try {
    const changes = await api.changes(revision);
    ({ revision, overview } = changes);
    if (view instanceof PageList) view.changed(changes);
    if (view instanceof PageView) await followPage(changes.pages);
  } catch (error) {
    if (error.status === 401) notify(error.message, "problem");
    else if (!error.passing) throw error;
  } finally {
    setTimeout(poll, POLL);
  }
}

/** Show what others saved of the page on screen; own edits that wait are reconciled when sent. */
async function followPage(pages) {
  const { edits } = view;
  if (!pages.some(({ name }) => name === edits.page.name) || edits.sending) return;
  const { version } = edits.page;
  const page = await api.page(edits.page.name);
  if (edits.sending || edits.page.version !== version || page.version === version) return;
  edits.adopt(page);
  if (page.changed_by) notify(`${page.changed_by} changed this page; it shows the change.`);
}

/** Go to the content. The link's own address would show the list: what follows # names the view. */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function warn(event) {
  if ([...open.values()].some((edits) => edits.unsaved)) event.preventDefault();
}

function fail(error) {
  const missing = error.status === 404;
  root.replaceChildren(
    element(
      "main",
      { id: "main", class: "failure" },
      element("h1", { text: missing ? "There is no such page" : "This did not work" }),
      element("p", { text: error.message }),
      element("p", {}, button("Try again", () => location.reload(), { class: "primary" }), element("a", { href: LIST, text: "All pages" })),
    ),
  );
  if (!error.status && error.status !== 0) throw error; // a fault of this page, for the console
}

start().catch(fail);
