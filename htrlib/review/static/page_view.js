// One page: its picture beside its lines, which are corrected here.

import { api } from "./api.js";
import { askName, showKeys } from "./dialogs.js";
import { element } from "./dom.js";
import { nextDoubtful } from "./doubtful_words.js";
import { commandOf, helpSheet, isRun } from "./keys.js";
import { LineList } from "./line_list.js";
import { LinesOverlay } from "./lines_overlay.js";
import { announce, notify } from "./notices.js";
import { OutlineTools } from "./outline_tools.js";
import { lineAfter, lineCommands } from "./page_commands.js";
import { chooseVersion } from "./page_history.js";
import { PageHeader } from "./page_header.js";
import { PictureTools } from "./picture_tools.js";
import { PictureView } from "./picture_view.js";
import { LIST, pageAddress } from "./routes.js";
import { saveSetting, setting } from "./settings.js";
import { SpecialCharacters } from "./special_characters.js";

export class PageView {
  /** @param {PageEdits} edits - of the page; they outlive the view while something is not saved. */
  constructor(edits) {
    this.edits = edits;
    this.view = new PictureView();
    this.overlay = new LinesOverlay(this.view);
    this.list = new LineList(edits, {
      image: () => this.view.image,
      type: (id, text) => edits.type(id, text),
      run: (command, id) => this.#runAt(command, id),
      kind: (id, kind) => edits.apply([{ do: "kind", id, kind }], "kind"),
      choose: (id, which) => (which === "mine" ? edits.keepMine(id) : edits.takeTheirs(id)),
      activate: (line) => this.#activated(line),
      word: (box) => this.overlay.showWord(box),
    });
    this.commands = { ...lineCommands(this), ...this.#pageCommands() };
    this.header = new PageHeader(this);
    this.pictureTools = new PictureTools((command) => this.run(command));
    this.characters = new SpecialCharacters(
      (character) => this.list.activeEditor?.insert(character),
      () => this.#closeCharacters(),
    );
    this.element = this.#layout();
    this.stop = new AbortController();
    const { signal } = this.stop;
    edits.addEventListener("page", (event) => this.#pageChanged(event.detail), { signal });
    edits.addEventListener("state", () => this.#stateChanged(), { signal });
    edits.addEventListener("told", ({ detail }) => this.tell(detail.text, detail.kind), { signal });
    document.addEventListener("keydown", (event) => this.#key(event), { signal });
    window.addEventListener("resize", () => this.show(), { signal });
  }

  /** Start, once the element is in the document. */
  async open() {
    this.show();
    const { page } = this.edits;
    const first = page.lines.find((line) => !line.confirmed) ?? page.lines[0];
    const loading = this.view.open(api.picture(page.name), page.size, `Page ${page.name}`);
    this.tools = new OutlineTools(this.view, this.overlay, {
      select: (id) => this.goTo(id),
      add: (place) => this.commands.add(place),
      reshape: (line, box) => this.commands.shape(line, box),
      toolChanged: (tool) => this.pictureTools.show(tool),
    });
    if (first) this.goTo(first.id, 0);
    else this.picture.focus();
    for (const warning of page.warnings) notify(warning);
    if (this.edits.restored) notify("Text from your last visit that was not saved is back.");
    this.edits.restored = false;
    try {
      await loading;
      this.show();
      this.view.reveal(this.edits.line(this.list.active)?.box);
    } catch (error) {
      notify(error.message, "problem");
    }
  }

  close() {
    this.edits.flush({ closing: true });
    this.stop.abort();
    this.view.close();
  }

  /** Draw all that depends on the page and the settings. */
  show() {
    const threshold = Number(setting("threshold"));
    this.list.show({ language: setting("language"), threshold });
    this.overlay.lines = this.edits.page.lines;
    this.overlay.active = this.list.active;
    this.overlay.draw();
    this.view.element.classList.toggle("plain", setting("outlines") !== "true");
    this.header.show(threshold);
  }

  tell(text, kind = "info") {
    notify(text, kind);
  }

  /** Go to a line's text. */
  goTo(id, start = null, end = start) {
    this.list.activate(id);
    this.list.editors.get(id)?.focus(start, end);
  }

  /** Make a line the active one, and stay on the picture. */
  select(id) {
    if (!id) return;
    this.list.activate(id);
    const at = this.edits.page.lines.findIndex((line) => line.id === id);
    announce(`Line ${at + 1}: ${this.edits.text(id)}`);
  }

  run(command) {
    return this.commands[command]?.();
  }

  // Parts

  #layout() {
    this.picture = element(
      "section",
      {
        class: "picture-side",
        tabindex: "0",
        role: "application",
        "aria-label": "Picture of the page. Arrow keys move the outline of the chosen line; Enter goes to the text.",
      },
      this.view.element,
    );
    const side = element(
      "div",
      { class: "picture-pane" },
      this.pictureTools.element,
      this.picture,
    );
    const text = element(
      "section",
      { class: "text-pane", "aria-label": "Text of the page" },
      this.list.element,
      this.characters.element,
    );
    return element(
      "div",
      { class: "page-view" },
      this.header.element,
      element("main", { id: "main", class: "panes", tabindex: "-1" }, side, text),
    );
  }

  // Commands

  #pageCommands() {
    const { edits } = this;
    const doubtful = (step) => () => this.#goToDoubtful(step);
    const tool = (name) => () => this.tools.use(this.tools.tool === name ? "select" : name);
    return {
      nextDoubtful: doubtful(1),
      previousDoubtful: doubtful(-1),
      alternatives: () => this.#offerAlternatives(),
      characters: () => this.characters.toggle(),
      toPicture: () => this.picture.focus(),
      toText: () => {
        if (!this.tools.finish()) this.#backToText();
      },
      select: () => this.tools.use("select"),
      box: tool("box"),
      baseline: tool("baseline"),
      adjust: tool("adjust"),
      zoomIn: () => this.view.zoom(1.4),
      zoomOut: () => this.view.zoom(1 / 1.4),
      zoomHome: () => this.view.home(),
      zoomLine: () => {
        const line = edits.line(this.list.active);
        if (line?.box) this.view.zoomTo(line.box);
      },
      done: () => this.#markDone(!edits.page.done),
      nextPage: () => this.#goToPage(edits.page.next),
      previousPage: () => this.#goToPage(edits.page.previous),
      readPage: () => {
        this.tell("Reading the page. Confirmed lines stay as they are.");
        return edits.reread(null);
      },
      history: () => chooseVersion(edits),
      help: () => showKeys(helpSheet()),
      name: async () => saveSetting("name", await askName(setting("name"))),
    };
  }

  /** A command of a line's own button: the line becomes the active one. */
  #runAt(command, id) {
    if (command === "toggle") return this.commands.toggle(id);
    if (id) this.list.activate(id);
    return this.run(command);
  }

  async #markDone(done) {
    const { edits } = this;
    await edits.apply([{ do: "done", done }], "done");
    if (!done || !edits.page.done || this.stop.signal.aborted) return; // or the user went on
    if (edits.page.next) this.#goToPage(edits.page.next);
    else this.tell("Done. This was the last page.");
  }

  #goToPage(name) {
    location.hash = name ? pageAddress(name) : LIST;
  }

  #goToDoubtful(step) {
    const field = this.list.activeEditor?.field;
    const inField = document.activeElement === field;
    const index = field && inField ? (step > 0 ? field.selectionEnd : field.selectionStart) : 0;
    const from = { id: this.list.active, index };
    const { edits } = this;
    const textOf = (id) => edits.text(id);
    const threshold = Number(setting("threshold"));
    const found = nextDoubtful(edits.page.lines, textOf, threshold, from, step);
    if (!found) return this.tell("No more doubtful words.");
    return this.goTo(found.line.id, found.word.start, found.word.end);
  }

  #offerAlternatives() {
    const editor = this.list.activeEditor;
    editor?.offer((text) => {
      this.edits.type(editor.id, text);
      this.edits.flush({ closing: true });
      this.show();
      this.goTo(editor.id);
    });
  }

  #closeCharacters() {
    this.characters.toggle(false);
    this.#backToText();
  }

  #backToText() {
    const id = this.list.active ?? this.edits.page.lines[0]?.id;
    if (id) this.goTo(id);
  }

  // Events

  #key(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const { target } = event;
    const inText = target instanceof HTMLTextAreaElement;
    const onPicture = this.picture.contains(target);
    if (onPicture && event.key.startsWith("Arrow") && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      return this.commands.nudge(event.key, event.shiftKey);
    }
    if (onPicture && event.key === "Escape") {
      event.preventDefault();
      return this.tools.tool === "select" ? this.#backToText() : this.tools.use("select");
    }
    const command = commandOf(event, inText);
    // Letters are commands only on the picture; elsewhere they choose from lists and press buttons.
    const chord = event.ctrlKey || event.metaKey || event.altKey || /^F\d|\?/.test(event.key);
    if (!command || !(inText || onPicture || chord)) return undefined;
    if (["undo", "redo"].includes(command) && inText && this.edits.drafts.has(this.list.active)) {
      return undefined; // the browser undoes what is being typed
    }
    event.preventDefault();
    return isRun(command, event) ? this.run(command) : undefined;
  }

  #activated(line) {
    this.edits.flush({ closing: true });
    this.overlay.active = line.id;
    this.overlay.draw();
    this.view.reveal(line.box);
  }

  #pageChanged({ old, page, cause }) {
    const focused = document.activeElement === this.list.activeEditor?.field;
    const onPicture = this.picture.contains(document.activeElement);
    this.show();
    const target = lineAfter(cause, old, page);
    const stays = cause === "insert" || (onPicture && cause !== "add");
    if (target && stays) this.select(target.id);
    else if (target) this.goTo(target.id, target.start ?? null);
    else if (focused) this.list.activeEditor?.focus();
    else if (!page.lines.length && document.activeElement === document.body) this.picture.focus();
    if (cause === "insert") this.picture.focus();
    this.overlay.active = this.list.active;
    this.overlay.draw();
  }

  #stateChanged() {
    this.list.refresh();
    this.header.showState();
  }
}
