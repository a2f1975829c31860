// A grid of page cards of which only those in view are in the document, so that a folder of
// thousands of pages scrolls as one of ten does. Rows have one height; parts of the list are
// fetched when they come into view.

import { api } from "./api.js";
import { counted, element, percent } from "./dom.js";
import { pageAddress } from "./routes.js";

const PART = 200; // pages of a request
const MARGIN = 2; // rows kept above and below the view

export const STATE_NAMES = {
  new: "New", read: "Read", "in work": "In work", done: "Done", problem: "Problem",
};

export class PageGrid {
  /** @param {function} failed - called with the error of a request. */
  constructor(failed) {
    this.failed = failed;
    this.query = {};
    this.total = 0;
    this.cards = new Map(); // index -> element
    this.list = element("div", { class: "grid", role: "list", "aria-label": "Pages" });
    this.element = this.list;
    this.#forget();
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.stop = new AbortController();
    const later = () => {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        this.draw();
      });
    };
    window.addEventListener("scroll", later, { signal: this.stop.signal, passive: true });
    window.addEventListener("resize", later, { signal: this.stop.signal });
  }

  close() {
    this.stop.abort();
  }

  /** Show what a query finds: {state, search, sort}. */
  async find(query) {
    this.query = query;
    this.#forget();
    await this.#fetch(0);
  }

  /** Show pages whose summaries changed; where the query orders or filters by them, look again. */
  update(summaries) {
    const fixed = !this.query.state && !this.query.search && this.query.sort === "name";
    const known = new Map([...this.pages].map(([index, { name }]) => [name, index]));
    for (const summary of summaries) {
      const index = known.get(summary.name);
      if (index === undefined) continue;
      const { match } = this.pages.get(index);
      this.pages.set(index, { ...summary, match });
      this.cards.get(index)?.remove();
      this.cards.delete(index);
    }
    const all = summaries.every(({ name }) => known.has(name));
    this.stale = this.stale || !fixed || !all;
    this.draw();
  }

  /** Look again, where what is shown may be out of date. */
  async refresh() {
    if (!this.stale) return;
    this.stale = false;
    this.requested.clear();
    const part = Math.floor(this.#visible()[0] / PART);
    for (const index of this.pages.keys()) {
      if (Math.floor(index / PART) === part) continue;
      this.pages.delete(index); // fetched again when it comes into view
      this.cards.get(index)?.remove();
      this.cards.delete(index);
    }
    await this.#fetch(part);
  }

  draw() {
    const [columns, height] = this.#measure();
    const rows = Math.ceil(this.total / columns);
    this.list.style.height = `${rows * height}px`;
    const [first, last] = this.#visible();
    for (const [index, card] of this.cards) {
      if (index >= first && index < last) continue;
      if (card.contains(document.activeElement)) continue; // the focus stays where it is
      card.remove();
      this.cards.delete(index);
    }
    for (let index = first; index < last; index++) {
      const summary = this.pages.get(index);
      if (!summary) this.#fetch(Math.floor(index / PART));
      else if (!this.cards.has(index)) this.#add(index, summary);
      const card = this.cards.get(index);
      if (!card) continue;
      card.style.transform =
        `translate(${(100 * (index % columns))}%, ${Math.floor(index / columns) * height}px)`;
      card.style.width = `${100 / columns}%`;
    }
  }

  #forget() {
    this.pages = new Map(); // index -> summary
    this.requested = new Set(); // parts
    for (const card of this.cards.values()) card.remove();
    this.cards.clear();
    this.stale = false;
  }

  async #fetch(part) {
    if (this.requested.has(part)) return;
    this.requested.add(part);
    const { query } = this;
    const wanted = Object.fromEntries(Object.entries(query).filter(([, value]) => value));
    try {
      const found = await api.pages({ offset: part * PART, limit: PART, ...wanted });
      if (query !== this.query) return; // another search was begun meanwhile
      this.total = found.total;
      found.pages.forEach((summary, at) => this.#put(part * PART + at, summary));
      this.found?.(found.total);
      this.draw();
    } catch (error) {
      this.requested.delete(part);
      this.stale = true; // look again with the next poll that is answered
      this.failed(error);
    }
  }

  #put(index, summary) {
    const known = this.pages.get(index);
    this.pages.set(index, summary);
    if (!known || JSON.stringify(known) === JSON.stringify(summary)) return;
    this.cards.get(index)?.remove();
    this.cards.delete(index);
  }

  /** Number of columns, and the height of a row in pixels; as page_list.css has them. */
  #measure() {
    const style = getComputedStyle(this.list);
    const width = Number.parseFloat(style.getPropertyValue("--card-width"));
    const height = Number.parseFloat(style.getPropertyValue("--card-height"));
    return [Math.max(1, Math.floor(this.list.clientWidth / width)), height];
  }

  #visible() {
    const [columns, height] = this.#measure();
    const top = -this.list.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / height) - MARGIN);
    const last = Math.ceil((top + window.innerHeight) / height) + MARGIN;
    return [first * columns, Math.min(this.total, Math.max(0, last * columns))];
  }

  #add(index, summary) {
    const made = card(index, this.total, summary);
    this.cards.set(index, made);
    const after = [...this.cards.keys()].filter((other) => other > index);
    const next = after.length ? this.cards.get(Math.min(...after)) : null;
    this.list.insertBefore(made, next); // the focus goes through the cards in their order
  }

  #key(event) {
    const here = [...this.cards].find(([, made]) => made.contains(document.activeElement));
    const [columns] = this.#measure();
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!here || !step) return;
    const next = this.cards.get(here[0] + step);
    if (!next) return;
    event.preventDefault();
    next.querySelector("a").focus();
    next.scrollIntoView({ block: "nearest" });
    this.draw();
  }
}

function card(index, total, summary) {
  const { name, state, lines, confirmed, confidence, problem, match } = summary;
  const folder = name.slice(0, name.lastIndexOf("/") + 1);
  const facts = lines ? `${confirmed} of ${counted(lines, "line")} confirmed` : "No lines yet";
  const certainty = confidence === null ? null : element(
    "span",
    { class: `confidence ${confidence < 0.7 ? "low" : ""}`, title: "Mean confidence of the reading" },
    percent(confidence),
  );
  return element(
    "div",
    { role: "listitem", class: "card", "aria-setsize": total, "aria-posinset": index + 1 },
    element(
      "a",
      { href: pageAddress(name), class: state.replace(" ", "-") },
      element("span", { class: "thumbnail" }, thumbnail(name)),
      element(
        "span",
        { class: "card-name", title: name },
        folder ? element("span", { class: "folder", text: folder }) : null,
        element("span", { text: name.slice(folder.length) }),
      ),
      element(
        "span",
        { class: "card-state" },
        element("span", { class: `badge ${state.replace(" ", "-")}`, text: STATE_NAMES[state] ?? state }),
        certainty,
      ),
      element("span", { class: "card-facts", text: problem || match || facts, title: problem || match || facts }),
    ),
  );
}

function thumbnail(name) {
  const picture = element("img", { src: api.thumbnail(name), alt: "", loading: "lazy", decoding: "async" });
  picture.addEventListener("error", () => picture.remove());
  return picture;
}
