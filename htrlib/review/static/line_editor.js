// One line of the page: its text field with the doubtful words marked, and what can be done to it.

import { button, counted, element, toolButton } from "./dom.js";
import { folded, singleLine } from "./characters.js";
import { doubtfulWords } from "./doubtful_words.js";
import { keyName } from "./keys.js";

const KINDS = [["", "Kind unknown"], ["handwritten", "Handwritten"], ["typewritten", "Typewritten"], ["printed", "Printed"]];

export class LineEditor {
  /**
   * @param {Object} actions - what the page does: focus(id), type(id, text), run(command, id),
   *   kind(id, kind), choose(id, "mine"|"theirs").
   */
  constructor(id, actions) {
    this.id = id;
    this.actions = actions;
    this.mirror = element("div", { class: "mirror", dir: "auto", "aria-hidden": "true" });
    this.field = element("textarea", {
      rows: "1",
      dir: "auto",
      spellcheck: "true",
      autocomplete: "off",
      autocapitalize: "off",
      enterkeyhint: "next",
      on: {
        input: () => this.#typed(),
        focus: () => actions.focus(id),
        blur: () => this.#left(),
        select: () => actions.cursor(id),
        keyup: () => actions.cursor(id),
        pointerup: () => actions.cursor(id),
      },
    });
    this.confirm = button("✓", () => actions.run("toggle", id), { class: "confirm" });
    this.number = element("span", { class: "number", "aria-hidden": "true" });
    this.above = element("div", { class: "above" });
    this.below = element("div", { class: "below" });
    this.row = element(
      "li",
      { class: "line", dataset: { id } },
      this.number,
      element(
        "div",
        { class: "body" },
        this.above,
        element("div", { class: "text" }, this.mirror, this.field),
        this.below,
      ),
      this.confirm,
    );
  }

  /**
   * Show a line.
   * @param {Object} line - as the server has it.
   * @param {Object} shown - {text, number, total, language, threshold, locked, conflict, draft}.
   */
  show(line, shown) {
    const before = { line: this.line, ...this.shown };
    const { field, row } = this;
    this.line = line;
    this.shown = shown;
    // Spaces that the server takes away may still be wanted by who goes on typing.
    const typing = document.activeElement === field && !shown.draft;
    if (typing && folded(field.value) === folded(shown.text)) {
      this.shown = { ...shown, text: field.value };
    } else if (field.value !== shown.text) {
      const { selectionStart, selectionEnd } = field;
      field.value = shown.text;
      if (document.activeElement === field) field.setSelectionRange(selectionStart, selectionEnd);
    }
    field.readOnly = shown.locked || Boolean(shown.conflict);
    row.classList.toggle("draft", shown.draft);
    if (this.kindField) this.kindField.value = line.kind ?? "";
    // On a page of many lines, most of the time would go into drawing what is there already.
    if (Object.entries({ line, ...this.shown }).every(([name, value]) => before[name] === value)) return;
    field.setAttribute("aria-label", `Line ${shown.number} of ${shown.total}${this.#spoken()}`);
    if (shown.language) field.lang = shown.language;
    else field.removeAttribute("lang");
    this.number.textContent = shown.number;
    row.classList.toggle("confirmed", line.confirmed);
    this.confirm.setAttribute("aria-pressed", String(line.confirmed));
    this.confirm.setAttribute("aria-label", `Line ${shown.number} confirmed`);
    this.confirm.title = line.confirmed ? "Confirmed" : "Confirm this line";
    this.#mark();
    this.#showConflict();
  }

  /** Show the line's picture and what can be done to it, or take them away. */
  activate(active, crop) {
    this.row.classList.toggle("active", active);
    this.#mark();
    if (!active) {
      this.above.replaceChildren();
      this.below.replaceChildren();
      this.kindField = null;
      this.alternatives = null;
      return;
    }
    if (this.kindField) return;
    this.above.replaceChildren(crop.canvas);
    this.alternatives = element("div", { class: "alternatives" });
    this.below.replaceChildren(this.alternatives, this.#tools());
  }

  #tools() {
    const tool = (text, command, label, key) => {
      const title = key ? `${label} (${key})` : label;
      return toolButton(text, title, () => this.actions.run(command, this.id));
    };
    this.kindField = element(
      "select",
      { "aria-label": "Kind of line", on: { change: (event) => this.actions.kind(this.id, event.target.value || null) } },
      ...KINDS.map(([value, text]) => element("option", { value, text })),
    );
    this.kindField.value = this.line.kind ?? "";
    return element(
      "div",
      { class: "tools", role: "group", "aria-label": "This line" },
      tool("Readings", "alternatives", "Other readings", keyName("alternatives")),
      tool("Split", "split", "Split at the cursor", keyName("split")),
      tool("Join", "merge", "Join with the line below", keyName("merge")),
      tool("↑", "orderUp", "Move up in reading order", keyName("orderUp")),
      tool("↓", "orderDown", "Move down in reading order", keyName("orderDown")),
      tool("Ω", "characters", "Special characters", keyName("characters")),
      tool("Reread", "reread", "Read this line again"),
      this.kindField,
      tool("Delete", "remove", "Delete this line"),
    );
  }

  /** Offer the other readings; `choose` gets the text. */
  offer(choose) {
    const texts = this.line.alternatives;
    const close = () => {
      this.alternatives.replaceChildren();
      this.field.focus();
    };
    if (this.alternatives.firstChild) return close();
    if (!texts.length) {
      this.alternatives.replaceChildren(
        element("p", { class: "hint", role: "status", text: "There is no other reading of this line." }),
      );
      return undefined;
    }
    const buttons = texts.map((text, index) =>
      element(
        "button",
        { type: "button", on: { click: () => { close(); choose(text); } } },
        element("kbd", { text: index + 1, "aria-hidden": "true" }),
        element("span", { text, dir: "auto" }),
      ),
    );
    const move = (event) => {
      const at = buttons.indexOf(document.activeElement);
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) buttons[(at + step + buttons.length) % buttons.length].focus();
      else if (event.key === "Escape" || event.key === "F2") close();
      else if (buttons[Number(event.key) - 1]) buttons[Number(event.key) - 1].click();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    this.alternatives.replaceChildren(
      element("div", { role: "group", "aria-label": counted(texts.length, "other reading"), on: { keydown: move } }, ...buttons),
    );
    buttons[0].focus();
    return undefined;
  }

  /** Put the cursor into the field: at an index, or a word selected. */
  focus(start = null, end = start) {
    this.field.focus({ preventScroll: true });
    if (start !== null) this.field.setSelectionRange(start, end);
    this.row.scrollIntoView({ block: "nearest" });
  }

  /** Insert text at the cursor, so that the browser's own undo knows it. */
  insert(text) {
    this.field.focus();
    if (!document.execCommand("insertText", false, text)) {
      this.field.setRangeText(text, this.field.selectionStart, this.field.selectionEnd, "end");
      this.#typed();
    }
  }

  #spoken() {
    if (this.line.confirmed) return ", confirmed";
    const doubtful = doubtfulWords(this.line, this.shown.threshold).length;
    return doubtful ? `, ${counted(doubtful, "doubtful word")}` : "";
  }

  /** Show the text as it is saved, once nobody types in it any more. */
  #left() {
    if (this.shown.draft || folded(this.field.value) !== folded(this.line.text)) return;
    this.field.value = this.line.text;
    this.shown = { ...this.shown, text: this.line.text };
    this.#mark();
  }

  #typed() {
    const typed = singleLine(this.field.value);
    if (typed !== this.field.value) {
      const { selectionStart } = this.field;
      this.field.value = typed;
      this.field.setSelectionRange(selectionStart, selectionStart);
    }
    this.actions.type(this.id, typed);
    this.shown = { ...this.shown, text: typed, draft: true };
    this.row.classList.add("draft");
    this.#mark();
  }

  /** Draw the field's text behind it: it marks words, and gives the field its height. */
  #mark() {
    const { text, threshold } = this.shown;
    const inWork = this.row.classList.contains("active");
    const marked = [this.line, threshold, text, inWork];
    if (this.marked?.every((value, index) => value === marked[index])) return;
    this.marked = marked;
    const parts = [];
    let position = 0;
    const words = doubtfulWords(...marked);
    for (const { start, end } of words) {
      parts.push(text.slice(position, start), element("mark", { text: text.slice(start, end) }));
      position = end;
    }
    // A space at the end keeps an empty line as high as one with a text.
    this.mirror.replaceChildren(...parts, `${text.slice(position)} `);
  }

  #showConflict() {
    const { conflict } = this.shown;
    this.conflict?.remove();
    if (!conflict) return;
    this.conflict = conflictChoice(conflict, (which) => this.actions.choose(this.id, which));
    this.row.querySelector(".body").append(this.conflict);
  }
}

/** Both texts of a line that two people changed, and the choice between them. */
export function conflictChoice({ mine, theirs, by }, choose) {
  const who = by || "Somebody else";
  const their = theirs === null
    ? element("p", { text: `${who} deleted or joined this line.` })
    : element("p", {}, element("b", { text: `${who}: ` }), element("span", { class: "theirs", dir: "auto", text: theirs }));
  return element(
    "div",
    { class: "conflict", role: "group", "aria-label": "Two texts for this line" },
    their,
    element("p", {}, element("b", { text: "You: " }), element("span", { class: "mine", dir: "auto", text: mine })),
    element(
      "div",
      { class: "buttons" },
      button(theirs === null ? "Add mine as a new line" : "Keep mine", () => choose("mine")),
      button(theirs === null ? "Drop mine" : "Take theirs", () => choose("theirs")),
    ),
  );
}
