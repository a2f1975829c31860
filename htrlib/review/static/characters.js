// The server counts characters as Python does, in code points; JavaScript counts UTF-16 units.

/** The UTF-16 index of a code point index. */
export function unitIndex(text, codePoints) {
  let units = 0;
  for (const character of text) {
    if (codePoints-- <= 0) break;
    units += character.length;
  }
  return units;
}

/** The number of code points of a text. */
export function codePoints(text) {
  return [...text].length;
}

// Controls, and what cannot be seen: format characters, joiners, fillers and selectors.
const LEFT_OUT =
  /[\p{Cf}\p{Cs}\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufffe\uffff\u{e0100}-\u{e01ef}]/gu;
// Format characters that can be seen.
const KEPT = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;

/** A text as the server keeps it (label_text.py): what is seen, composed, white space folded. */
export function folded(text) {
  const seen = text.replace(LEFT_OUT, (character) => (KEPT.test(character) ? character : ""));
  return seen.replace(/[\s\x1c-\x1f\x85]+/g, " ").trim().normalize("NFC");
}

/** One line of text: line breaks and tabs of pasted text become spaces. */
export function singleLine(text) {
  return text.replace(/[\r\n\t\u2028\u2029]+/g, " ");
}
