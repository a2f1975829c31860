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

/** The code point index of a UTF-16 index. */
export function codePointIndex(text, units) {
  return [...text.slice(0, units)].length;
}

/** One line of text: line breaks and tabs of pasted text become spaces. */
export function singleLine(text) {
  return text.replace(/[\r\n\t\u2028\u2029]+/g, " ");
}
