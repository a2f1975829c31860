// The lines of the page in reading order, one of them active.

import { button, element } from "./dom.js";
import { doubtfulWords, wordAt } from "./doubtful_words.js";
import { LineCrop } from "./line_crop.js";
import { LineEditor, conflictChoice } from "./line_editor.js";

export class LineList {
  /** @param {Object} actions - those of LineEditor, and activate(line), word(box). */
  constructor(edits, actions) {
    this.edits = edits;
    this.actions = actions;
    this.editors = new Map(); // line id -> LineEditor
    this.active = null;
    this.crop = new LineCrop();
    this.list = element("ol", { class: "lines", "aria-label": "Lines of text" });
    this.lost = element("div", { class: "lost" });
    this.empty = element(
      "div",
      { class: "hint empty" },
      element("p", {
        text: "This page has no lines yet. Draw a box around the first one, or have the page read.",
      }),
      button("Read the page", () => actions.run("readPage"), { class: "primary" }),
    );
    this.element = element("div", {}, this.lost, this.empty, this.list);
    this.handlers = {
      ...actions,
      focus: (id) => this.activate(id),
      cursor: (id) => this.#pointOut(id),
    };
  }

  get activeEditor() {
    return this.editors.get(this.active) ?? null;
  }

  /** Bring the rows to the page's lines; texts that are typed stay. */
  show({ language, threshold }) {
    const { edits, editors } = this;
    const { lines } = edits.page;
    const { locked } = edits;
    const ids = new Set(lines.map((line) => line.id));
    for (const [id, editor] of editors) {
      if (ids.has(id)) continue;
      editor.row.remove();
      editors.delete(id);
    }
    let before = null;
    lines.forEach((line, index) => {
      if (!editors.has(line.id)) editors.set(line.id, new LineEditor(line.id, this.handlers));
      const editor = editors.get(line.id);
      editor.show(line, {
        text: edits.drafts.get(line.id)?.text ?? line.text,
        number: index + 1,
        total: lines.length,
        language,
        threshold,
        locked: locked.has(line.id),
        conflict: edits.conflicts.get(line.id),
        draft: edits.drafts.has(line.id),
      });
      this.#place(editor.row, before);
      before = editor.row;
    });
    this.empty.hidden = lines.length > 0;
    this.#showLost(ids);
    if (this.active && !ids.has(this.active)) this.active = null;
    if (this.active) this.#draw();
  }

  /** Update what depends on the saving alone. */
  refresh() {
    const { locked, drafts } = this.edits;
    for (const [id, editor] of this.editors) {
      editor.field.readOnly = locked.has(id) || this.edits.conflicts.has(id);
      editor.row.classList.toggle("draft", drafts.has(id));
    }
  }

  activate(id) {
    const editor = this.editors.get(id);
    if (!editor) return;
    if (this.active !== id) {
      this.activeEditor?.activate(false);
      this.active = id;
      editor.activate(true, this.crop);
      this.actions.activate(this.edits.line(id));
      editor.row.scrollIntoView({ block: "nearest" });
    }
    this.#draw();
  }

  /** The line so many rows from the active one, or null. */
  neighbor(step) {
    const { lines } = this.edits.page;
    const at = lines.findIndex((line) => line.id === this.active);
    return lines[at < 0 ? 0 : at + step] ?? null;
  }

  #draw() {
    const line = this.edits.line(this.active);
    const word = this.#word(line);
    this.crop.draw(this.actions.image(), this.edits.page.size, line.box, word?.box);
    this.actions.word(word?.box ?? null);
  }

  /** The word at the cursor, where the text is the one that was read. */
  #word(line) {
    const editor = this.editors.get(line.id);
    if (document.activeElement !== editor?.field || editor.field.value !== line.text) return null;
    return wordAt(line, editor.field.selectionStart);
  }

  #pointOut(id) {
    if (id === this.active && this.edits.line(id)) this.#draw();
  }

  /** Move a row to its place; rows that are there stay, so that the focus does. */
  #place(row, before) {
    const next = before ? before.nextSibling : this.list.firstChild;
    if (next === row) return;
    const focused = row.contains(document.activeElement) ? document.activeElement : null;
    this.list.insertBefore(row, next);
    focused?.focus({ preventScroll: true });
  }

  #showLost(ids) {
    const lost = [...this.edits.conflicts].filter(([id]) => !ids.has(id));
    this.lost.replaceChildren(
      ...lost.map(([id, conflict]) => conflictChoice(conflict, (which) => this.actions.choose(id, which))),
    );
  }
}

/** Number of doubtful words of the lines. */
export function countDoubtful(lines, threshold) {
  return lines.reduce((sum, line) => sum + doubtfulWords(line, threshold).length, 0);
}
