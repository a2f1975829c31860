// The list of all pages: search, filter, sort, and how far the reading in the background is.

import { button, counted, debounced, element } from "./dom.js";
import { announce, notify } from "./notices.js";
import { PageGrid, STATE_NAMES } from "./page_grid.js";
import { ReadingProgress } from "./reading_progress.js";
import { TRAINING } from "./routes.js";

const SORTS = [["name", "Name"], ["confidence", "Most doubtful first"], ["state", "State"]];

// Kept while the page is open, so that the way back from a page leads to the same place.
const kept = { state: "", search: "", sort: "name", scroll: 0 };

export class PageList {
  constructor(overview) {
    this.grid = new PageGrid((error) => notify(error.message, "problem"));
    this.grid.found = (total) => this.#found(total);
    this.progress = new ReadingProgress();
    this.search = element("input", {
      id: "search",
      type: "search",
      placeholder: "Search names and texts",
      "aria-label": "Search names and texts",
      value: kept.search,
    });
    this.search.addEventListener("input", debounced(() => this.#look({ search: this.search.value.trim() }), 250));
    this.sort = element(
      "select",
      { id: "sort", on: { change: () => this.#look({ sort: this.sort.value }) } },
      ...SORTS.map(([value, text]) => element("option", { value, text })),
    );
    this.sort.value = kept.sort;
    this.filters = element("div", { class: "filters", role: "group", "aria-label": "Filter by state" });
    this.title = element("h1");
    this.training = element("a", { href: TRAINING, class: "button", text: "Train" });
    this.none = element("p", { class: "hint", hidden: true });
    this.refused = element("details", { class: "refused", hidden: true });
    this.element = element(
      "div",
      { class: "list-view" },
      element(
        "header",
        { class: "list-header" },
        this.title,
        this.progress.element,
        this.training,
      ),
      element(
        "main",
        { id: "main", tabindex: "-1" },
        element(
          "div",
          { class: "list-tools", role: "search" },
          this.search,
          this.filters,
          element("div", { class: "sort" }, element("label", { for: "sort", text: "Sort by" }), this.sort),
        ),
        this.none,
        this.grid.element,
        this.refused,
      ),
    );
    this.showOverview(overview);
  }

  async open() {
    await this.grid.find({ ...kept });
    window.scrollTo(0, kept.scroll);
    this.grid.draw();
  }

  close() {
    kept.scroll = window.scrollY;
    this.grid.close();
  }

  /** Show what the poll found: the changed pages and the overview. */
  changed({ pages, gone, overview }) {
    this.showOverview(overview);
    if (gone.length) this.grid.stale = true;
    if (pages.length) this.grid.update(pages);
    this.grid.refresh();
  }

  showOverview(overview) {
    this.overview = overview;
    this.title.textContent = overview.folder;
    document.title = `${overview.folder} – htr review`;
    const lines = counted(overview.confirmed_lines, "confirmed line");
    this.training.textContent = `Train (${lines})`;
    this.progress.show(overview);
    this.#showFilters(overview);
    this.refused.hidden = !overview.refused.length;
    if (this.refused.childElementCount !== overview.refused.length + 1) {
      const files = counted(overview.refused.length, "file");
      this.refused.replaceChildren(
        element("summary", { text: `${files} that cannot be shown` }),
        ...overview.refused.map((text) => element("p", { text })),
      );
    }
  }

  #showFilters({ counts, total }) {
    const rows = [["", "All", total], ...Object.entries(STATE_NAMES).map(([state, name]) => [state, name, counts[state] ?? 0])];
    const shown = rows.filter(([state, , count]) => !state || count || state === kept.state);
    const texts = shown.map(([state, name, count]) => `${state}:${name} ${count}:${state === kept.state}`).join();
    if (texts === this.filters.dataset.shown) return; // so that the focus stays
    const focused = document.activeElement?.dataset?.state;
    this.filters.dataset.shown = texts;
    this.filters.replaceChildren(
      ...shown.map(([state, name, count]) =>
        button(`${name} ${count}`, () => this.#look({ state }), {
          dataset: { state },
          "aria-pressed": String(state === kept.state),
        }),
      ),
    );
    if (focused !== undefined) {
      [...this.filters.children].find((filter) => filter.dataset.state === focused)?.focus();
    }
  }

  #look(change) {
    Object.assign(kept, change, { scroll: 0 });
    this.#showFilters(this.overview);
    this.grid.find({ ...kept });
  }

  #found(total) {
    const searching = kept.search || kept.state;
    this.none.hidden = total > 0;
    this.none.textContent = searching
      ? "No page is like that."
      : "There are no pictures in this folder yet. Put scans or PDFs there; they appear here.";
    if (searching) announce(`${counted(total, "page")} found`);
  }
}
