// The edits of one page on their way to the server: sent in order, tried again until they are
// saved, undone, and reconciled with what other people saved meanwhile.

import { api } from "./api.js";
import { folded } from "./characters.js";
import { debounced } from "./dom.js";
import { editFits, textConflict, withKnownLines } from "./reconciling.js";
import { drafts as storedDrafts } from "./settings.js";

const TYPING_PAUSE = 1500; // milliseconds without a key after which a text is saved
const LONGEST_WAIT = 15000; // milliseconds between two tries

/**
 * Events: `page` (detail {old, page, cause}) when another state of the page is shown, `state` when
 * `state` changed, `told` (detail {text, kind}) for messages to the user.
 */
export class PageEdits extends EventTarget {
  #queue = [];
  #running = null;
  #wake = null;
  #undo = [];
  #redo = [];
  #save = debounced(() => this.flush(), TYPING_PAUSE);
  #retrying = "";
  #kept = {}; // the drafts as this window stored or found them last

  constructor(page) {
    super();
    this.page = page;
    this.drafts = new Map(); // line id -> {text, base, sent, place}
    this.conflicts = new Map(); // line id -> {mine, theirs, by, place}; theirs is null: line gone
    this.#restoreDrafts();
  }

  // State

  line(id) {
    return this.page.lines.find((line) => line.id === id) ?? null;
  }

  /** The text of a line as its user sees it. */
  text(id) {
    return this.drafts.get(id)?.text ?? this.line(id)?.text ?? "";
  }

  get unsaved() {
    return this.#queue.length > 0 || this.drafts.size > 0 || this.conflicts.size > 0;
  }

  /** Whether edits are on their way. */
  get sending() {
    return this.#queue.length > 0;
  }

  /** {kind, text}: what the page says about its saving. */
  get state() {
    if (this.#retrying) return { kind: "failing", text: this.#retrying };
    if (this.#queue.length) return { kind: "saving", text: "Saving …" };
    if (this.conflicts.size) return { kind: "failing", text: "Two texts: choose one" };
    if (this.drafts.size) return { kind: "typing", text: "Not saved yet" };
    return { kind: "saved", text: "Saved" };
  }

  get canUndo() {
    return this.#undo.length > 0 || this.drafts.size > 0;
  }

  get canRedo() {
    return this.#redo.length > 0;
  }

  /** Ids of lines that wait for an edit of their shape; their fields take no text until then. */
  get locked() {
    return new Set(this.#queue.flatMap((job) => job.locks));
  }

  // Editing

  /** Keep what was typed so far; it is saved when the typing pauses. */
  type(id, text) {
    const line = this.line(id);
    if (!line || this.conflicts.has(id)) return;
    const draft = this.drafts.get(id);
    if (text === line.text && draft?.sent === undefined) this.drafts.delete(id);
    else {
      const { box, polygon, baseline, kind } = line;
      const place = { box, polygon, baseline, kind };
      this.drafts.set(id, { base: line.text, place, ...draft, text });
    }
    this.#keepDrafts();
    this.#save();
    this.#changed();
  }

  /** Send what was typed. `closing` ends the undo step, so that later typing gets one of its own. */
  flush({ closing = false } = {}) {
    this.#save.cancel();
    for (const [id, draft] of this.drafts) {
      if (draft.sent === draft.text || this.conflicts.has(id)) continue;
      draft.sent = draft.text;
      const edit = { do: "text", id, text: draft.text };
      this.#enqueue({ edits: [edit], texts: { [id]: draft.text }, step: `text ${id}` });
    }
    if (closing && this.#undo.length) this.#undo[this.#undo.length - 1].step = null;
    return this.#running ?? Promise.resolve();
  }

  /**
   * Make edits, after all that was typed.
   * @param {Object[]} edits - as the API describes them.
   * @param {string} cause - what the page does with the result, such as "split".
   * @param {string[]} locks - ids of lines that must not be typed in until it is done.
   */
  apply(edits, cause, locks = []) {
    this.flush({ closing: true });
    return this.#enqueue({ edits, cause, locks });
  }

  /** Have lines (or null: the whole page) read again. */
  reread(ids) {
    this.flush({ closing: true });
    const locks = ids ?? this.page.lines.map((line) => line.id);
    return this.#enqueue({ read: { lines: ids }, edits: [], cause: "read", locks });
  }

  /** Go back to an earlier version of the page. */
  restore(number) {
    this.flush({ closing: true });
    const locks = this.page.lines.map((line) => line.id);
    return this.#enqueue({ restore: number, edits: [], cause: "restore", locks });
  }

  undo() {
    this.flush({ closing: true });
    return this.#enqueue({ from: this.#undo, to: this.#redo, edits: [], cause: "undo" });
  }

  redo() {
    this.flush({ closing: true });
    return this.#enqueue({ from: this.#redo, to: this.#undo, edits: [], cause: "redo" });
  }

  /** Try again now instead of after the pause. */
  retry() {
    this.#wake?.();
  }

  // Conflicts

  keepMine(id) {
    const { mine, place } = this.conflicts.get(id);
    this.conflicts.delete(id);
    this.drafts.delete(id);
    if (this.line(id)) {
      this.type(id, mine);
      return this.flush({ closing: true });
    }
    const { box, polygon, baseline, kind } = place;
    const outline = Object.entries({ box: polygon ? null : box, polygon, baseline });
    const line = { text: mine, kind, ...Object.fromEntries(outline.filter(([, v]) => v)) };
    this.#keepDrafts();
    return this.apply([{ do: "add", line, index: this.page.lines.length }], "add");
  }

  takeTheirs(id) {
    this.conflicts.delete(id);
    this.drafts.delete(id);
    this.#keepDrafts();
    this.#show(this.page, "conflict");
  }

  /** Show what somebody else saved; own texts that do not fit any more become conflicts. */
  adopt(page) {
    const old = this.page;
    this.page = withKnownLines(page, old);
    for (const [id, draft] of this.drafts) {
      const known = this.conflicts.get(id);
      const found = textConflict(id, draft, page);
      if (known && found?.theirs === known.theirs) continue;
      this.conflicts.delete(id);
      if (found === "saved") this.drafts.delete(id);
      else if (found) this.conflicts.set(id, found);
      else if (known) this.#save(); // the other text was taken back
    }
    this.#undo.length = this.#redo.length = 0;
    this.#keepDrafts();
    this.#show(old, "foreign");
  }

  // Sending

  #enqueue(job) {
    const key = [...crypto.getRandomValues(new Uint32Array(4))].join("-");
    this.#queue.push({ key, locks: [], cause: "text", texts: {}, step: null, ...job });
    this.#changed();
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      this.#changed();
    });
    return this.#running;
  }

  async #run() {
    let wait = 1000;
    while (this.#queue.length) {
      const job = this.#queue[0];
      try {
        await this.#send(job);
        wait = 1000;
        this.#retrying = "";
      } catch (error) {
        this.#retrying = "";
        if (error.status === 409 && error.body?.page) this.#reconcile(job, error.body.page);
        else if (error.passing || error.status === 401 || error.status === 403) {
          this.#retrying = `Not saved. ${error.message} Trying again …`;
          this.#changed();
          await this.#pause(wait);
          wait = Math.min(2 * wait, LONGEST_WAIT);
        } else if (error.status) await this.#refuse(job, error);
        else throw error;
      }
    }
  }

  async #send(job) {
    const { name, version } = this.page;
    const step = job.from?.[job.from.length - 1];
    const edits = step ? step.edits : job.edits;
    if (job.from && !step) {
      this.#queue.shift();
      this.#tell(job.cause === "undo" ? "Nothing to undo." : "Nothing to redo.");
      return;
    }
    let answer;
    if (job.read) answer = await api.read(name, version, job.read.lines, job.key);
    else if (job.restore !== undefined) answer = await api.restore(name, version, job.restore, job.key);
    else answer = await api.edit(name, version, edits, job.key);
    this.#queue.shift();
    job.from?.pop();
    this.#remember(job, answer.undo);
    this.#settle(job.texts, answer.page);
    const old = this.page;
    this.page = withKnownLines(answer.page, old);
    this.#show(old, job.cause);
  }

  /** Keep what undoes a job; texts typed into one line in one go are one step. */
  #remember(job, edits) {
    const stack = job.to ?? this.#undo;
    const last = stack[stack.length - 1];
    if (!edits.length) this.#undo.length = this.#redo.length = 0;
    else if (job.step && last?.step === job.step) last.edits = [...edits, ...last.edits];
    else stack.push({ edits, step: job.step });
    if (!job.from) this.#redo.length = 0;
  }

  #settle(texts, page) {
    for (const [id, text] of Object.entries(texts)) {
      const draft = this.drafts.get(id);
      if (!draft) continue;
      if (draft.text === text) this.drafts.delete(id);
      else {
        draft.base = page.lines.find((line) => line.id === id)?.text ?? draft.base;
        if (draft.sent === text) draft.sent = undefined;
      }
    }
    this.#keepDrafts();
  }

  #reconcile(job, theirs) {
    const dropped = this.#dropUnfit(theirs);
    const isText = job.cause === "text";
    const arrived = isText && dropped.includes(job) && Object.entries(job.texts).every(
      ([id, text]) => theirs.lines.find((line) => line.id === id)?.text === folded(text),
    ); // an earlier try whose answer was lost
    this.adopt(theirs);
    if (arrived && dropped.length === 1) return;
    const undone = dropped.some(({ cause }) => cause !== "text");
    const who = theirs.changed_by || "Somebody";
    const lost = undone ? " Your last change was not made: look, and make it again." : "";
    const choose = this.conflicts.size ? " Nothing is lost: choose between the two texts." : "";
    this.#tell(`${who} changed this page while you worked on it.${lost}${choose}`, "problem");
  }

  /** Take the jobs out of the queue that do not mean the same in `theirs`, and return them. */
  #dropUnfit(theirs) {
    const mine = this.page;
    const fits = ({ from, read, restore, edits }) =>
      !from && !read && restore === undefined && edits.every((edit) => editFits(edit, mine, theirs));
    const dropped = this.#queue.filter((job) => !fits(job));
    this.#queue = this.#queue.filter(fits);
    dropped.forEach((job) => this.#unsend(job));
    return dropped;
  }

  /** Send the texts of a job again with the next flush. */
  #unsend({ texts }) {
    for (const id of Object.keys(texts)) {
      const draft = this.drafts.get(id);
      if (draft) draft.sent = undefined;
    }
  }

  async #refuse(job, error) {
    this.#queue.shift();
    this.#tell(`Not saved: ${error.message}`, "problem");
    this.#unsend(job); // a text that is refused stays in its field
    try {
      this.adopt(await api.page(this.page.name));
    } catch {
      this.#changed(); // the next edit tells what is wrong
    }
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  // Drafts that outlive the page

  #restoreDrafts() {
    this.#kept = storedDrafts.load(this.page.name);
    for (const [id, { text, base, place }] of Object.entries(this.#kept)) {
      this.drafts.set(id, { text, base, place });
      const found = textConflict(id, { text, base, place }, this.page);
      if (found === "saved") this.drafts.delete(id);
      else if (found) this.conflicts.set(id, found);
    }
    this.#keepDrafts();
    if (this.drafts.size) {
      this.restored = true;
      this.#save();
    }
  }

  #keepDrafts() {
    const texts = {};
    for (const [id, { text, base, place }] of this.drafts) texts[id] = { text, base, place };
    storedDrafts.save(this.page.name, texts, this.#kept);
    this.#kept = texts;
  }

  // Events

  #show(old, cause) {
    this.dispatchEvent(new CustomEvent("page", { detail: { old, page: this.page, cause } }));
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("state"));
  }

  #tell(text, kind = "info") {
    this.dispatchEvent(new CustomEvent("told", { detail: { text, kind } }));
  }
}
