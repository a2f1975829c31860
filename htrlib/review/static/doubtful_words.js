// Words that the reader is not sure of.

import { unitIndex } from "./characters.js";

/**
 * The doubtful words of a line, [{start, end, confidence, box}], in UTF-16 indexes of its text.
 * A confirmed line has none.
 */
export function doubtfulWords(line, threshold) {
  if (line.confirmed) return [];
  return line.words
    .filter((word) => word.confidence !== null && word.confidence < threshold)
    .map(({ start, end, confidence, box }) => ({
      start: unitIndex(line.text, start),
      end: unitIndex(line.text, end),
      confidence,
      box,
    }));
}

/** The word at a UTF-16 index of a line's text, or null. */
export function wordAt(line, index) {
  const position = [...line.text.slice(0, index)].length;
  return line.words.find((word) => word.start <= position && position <= word.end) ?? null;
}

/**
 * The next doubtful word of a page.
 * @param {Object[]} lines - of the page, without those that somebody types in.
 * @param {{id: string, index: number}} from - the cursor.
 * @param {number} step - 1 or -1.
 * @returns {{line, word}|null}
 */
export function nextDoubtful(lines, threshold, from, step) {
  const all = lines.flatMap((line, position) =>
    doubtfulWords(line, threshold).map((word) => ({ line, position, word })),
  );
  const here = lines.findIndex((line) => line.id === from.id);
  const after = ({ position, word }) =>
    position > here || (position === here && word.start >= from.index);
  const before = ({ position, word }) =>
    position < here || (position === here && word.end < from.index);
  return (step > 0 ? all.find(after) : all.reverse().find(before)) ?? null;
}
