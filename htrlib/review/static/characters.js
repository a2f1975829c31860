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

/** A text as the server keeps it: composed, white space folded. */
export function folded(text) {
  return text.normalize("NFC").replace(/\s+/g, " ").trim();
}

/** One line of text: line breaks and tabs of pasted text become spaces. */
export function singleLine(text) {
  return text.replace(/[\r\n\t\u2028\u2029]+/g, " ");
}
