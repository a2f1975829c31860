// The keys of the page view, each with what the help sheet says about it.

/** command -> [keys, where it works ("text", "picture" or "both"), what it does] */
export const KEYS = {
  confirm: [["Enter"], "text", "Confirm the line and go to the next"],
  previousLine: [["ArrowUp"], "text", "Line above"],
  nextLine: [["ArrowDown"], "text", "Line below"],
  nextDoubtful: [["F8", "Ctrl+."], "both", "Next doubtful word"],
  previousDoubtful: [["Shift+F8", "Ctrl+,"], "both", "Doubtful word before"],
  alternatives: [["F2"], "text", "Other readings of the line"],
  characters: [["F9"], "text", "Special characters"],
  split: [["Shift+Enter"], "text", "Split the line at the cursor"],
  merge: [["Ctrl+J"], "both", "Join with the line below"],
  orderUp: [["Alt+ArrowUp"], "text", "Move the line up in reading order"],
  orderDown: [["Alt+ArrowDown"], "text", "Move the line down in reading order"],
  toPicture: [["Escape"], "text", "Go to the picture"],
  toText: [["Enter"], "picture", "Go back to the text"],
  lineAbove: [["PageUp"], "picture", "Line above"],
  lineBelow: [["PageDown"], "picture", "Line below"],
  insert: [["N"], "picture", "New line below this one"],
  box: [["B"], "picture", "Draw a box with the pointer"],
  baseline: [["L"], "picture", "Draw a baseline; Enter ends it"],
  adjust: [["O"], "picture", "Change the outline with the pointer"],
  move: [["Arrows"], "picture", "Move the outline"],
  resize: [["Shift+Arrows"], "picture", "Move its right and lower edge"],
  remove: [["Delete"], "picture", "Delete the line"],
  kind: [["K"], "picture", "Handwritten, typewritten, printed"],
  reread: [["R"], "picture", "Read the line again"],
  zoomIn: [["+"], "picture", "Zoom in"],
  zoomOut: [["-"], "picture", "Zoom out"],
  zoomHome: [["0"], "picture", "Fit the page"],
  undo: [["Ctrl+Z"], "both", "Undo"],
  redo: [["Ctrl+Shift+Z", "Ctrl+Y"], "both", "Redo"],
  save: [["Ctrl+S"], "both", "Save now"],
  done: [["Ctrl+Enter"], "both", "Page is done; go to the next"],
  nextPage: [["Alt+PageDown"], "both", "Next page"],
  previousPage: [["Alt+PageUp"], "both", "Page before"],
  help: [["F1", "?"], "both", "This sheet"],
};

/** Commands that a key repeats while it is held; all others are run once. */
const REPEATED = new Set([
  "previousLine", "nextLine", "lineAbove", "lineBelow", "previousDoubtful", "nextDoubtful",
  "orderUp", "orderDown", "zoomIn", "zoomOut", "undo", "redo",
]);

const WORDS = { ArrowUp: "↑", ArrowDown: "↓", Arrows: "← ↑ → ↓", Escape: "Esc" };

/** "Ctrl+Shift+Z" of a keyboard event; Command counts as Ctrl. */
export function keyOf(event) {
  const name = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const letter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
  return [
    event.ctrlKey || event.metaKey ? "Ctrl+" : "",
    event.altKey ? "Alt+" : "",
    event.shiftKey && (letter ? event.ctrlKey || event.metaKey : event.key.length > 1) ? "Shift+" : "",
    name,
  ].join("");
}

/** The command of a keyboard event, or null. */
export function commandOf(event, inText) {
  if (event.isComposing) return null; // an input method uses the keys
  const key = keyOf(event);
  const where = inText ? "text" : "picture";
  for (const [command, [keys, place]] of Object.entries(KEYS)) {
    if (key === "?" && inText) continue;
    if ((place === where || place === "both") && keys.includes(key)) return command;
  }
  return null;
}

/** Whether a command is run at an event: its key was pressed, or may be held. */
export function isRun(command, event) {
  return !event.repeat || REPEATED.has(command);
}

/** The key of a command as a button's title shows it. */
export function keyName(command) {
  return named(KEYS[command][0][0]);
}

function named(key) {
  return Object.entries(WORDS).reduce((text, [from, to]) => text.replace(from, to), key);
}

/** What the help sheet shows: [[title, [[keys, what], ...]], ...]. */
export function helpSheet() {
  const titles = { text: "In the text", picture: "On the picture", both: "Everywhere" };
  return Object.entries(titles).map(([where, title]) => [
    title,
    Object.values(KEYS)
      .filter(([, place]) => place === where)
      .map(([keys, , what]) => [keys.map(named), what]),
  ]);
}
