// The bar above a page: where one is, whether all is saved, and what can be done to the page.

import { button, counted, element, toolButton } from "./dom.js";
import { keyName } from "./keys.js";
import { countDoubtful } from "./line_list.js";
import { announce } from "./notices.js";
import { LIST } from "./routes.js";
import { saveSetting, setting } from "./settings.js";

const LANGUAGES = [
  ["", "Browser's language"], ["en", "English"], ["fr", "French"], ["de", "German"],
  ["nl", "Dutch"], ["it", "Italian"], ["es", "Spanish"], ["pt", "Portuguese"], ["la", "Latin"],
  ["sv", "Swedish"], ["da", "Danish"], ["no", "Norwegian"], ["pl", "Polish"], ["cs", "Czech"],
];
const THRESHOLDS = ["0", "0.5", "0.6", "0.7", "0.8", "0.9", "0.95"];

export class PageHeader {
  constructor(page) {
    this.page = page;
    const run = (command) => () => page.run(command);
    const act = (text, command, label) => {
      const key = command in { undo: 1, redo: 1, nextPage: 1, previousPage: 1, done: 1, help: 1 };
      const title = key ? `${label} (${keyName(command)})` : label;
      return toolButton(text, title, run(command));
    };
    this.saving = element("button", { type: "button", class: "saving", on: { click: run("save") } });
    this.previous = act("‹", "previousPage", "Page before");
    this.next = act("›", "nextPage", "Next page");
    this.undo = act("↶", "undo", "Undo");
    this.redo = act("↷", "redo", "Redo");
    this.done = button("", run("done"), { class: "primary done", title: keyName("done") });
    this.title = element("h1", { text: page.edits.page.name, title: page.edits.page.name });
    this.facts = element("p", { class: "facts" });
    this.element = element(
      "header",
      { class: "page-header" },
      element("a", { href: LIST, class: "back" }, element("span", { text: "All pages" })),
      element("div", { class: "turn" }, this.previous, this.next),
      element("div", { class: "name" }, this.title, this.facts),
      this.saving,
      element("div", { class: "acts" }, this.undo, this.redo, this.#menu(act), this.done),
    );
  }

  /** Show the page's state. */
  show(threshold) {
    const { page } = this.page.edits;
    const confirmed = page.lines.filter((line) => line.confirmed).length;
    const doubtful = countDoubtful(page.lines, threshold);
    const total = counted(page.lines.length, "line");
    const facts = [page.lines.length ? `${confirmed} of ${total} confirmed` : "No lines yet"];
    if (doubtful) facts.push(counted(doubtful, "doubtful word"));
    if (page.changed_by) facts.push(`last change: ${page.changed_by}`);
    this.facts.textContent = facts.join(" · ");
    this.previous.disabled = !page.previous;
    this.next.disabled = !page.next;
    this.done.textContent = page.done ? "Reopen" : "Mark done";
    this.showState();
  }

  showState() {
    const { edits } = this.page;
    const { kind, text } = edits.state;
    this.undo.disabled = !edits.canUndo;
    this.redo.disabled = !edits.canRedo;
    if (this.saving.textContent === text) return;
    this.saving.textContent = text;
    this.saving.className = `saving ${kind}`;
    this.saving.title = kind === "saved" ? "All changes are saved" : "Save now (Ctrl+S)";
    if (kind === "failing") announce(text);
  }

  #menu(act) {
    const select = (id, label, options) => {
      const field = element(
        "select",
        { id, on: { change: (event) => this.#set(id, event.target.value) } },
        ...options.map(([value, text]) => element("option", { value, text })),
      );
      field.value = setting(id);
      return element("p", {}, element("label", { for: id, text: label }), field);
    };
    const marks = THRESHOLDS.map((value) => [
      value, Number(value) ? `below ${Math.round(100 * value)} % confidence` : "none",
    ]);
    const content = element(
      "div",
      { class: "menu" },
      act("Read the page again", "readPage", "Find and read the lines again; confirmed ones stay"),
      act("Earlier versions", "history", "Who changed the page, and its earlier versions"),
      act("Keys", "help", "Keys of this page"),
      setting("name") === null ? null : act("Your name", "name", "The name that goes with your changes"),
      select("threshold", "Mark words", marks),
      select("language", "Check spelling in", LANGUAGES),
      select("outlines", "Outlines on the picture", [["true", "shown"], ["false", "active line only"]]),
    );
    const menu = element("details", { class: "more" }, element("summary", { text: "More" }), content);
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
    });
    return menu;
  }

  #set(name, value) {
    saveSetting(name, value);
    this.page.show();
  }
}
