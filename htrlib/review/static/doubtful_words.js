// Words that the reader is not sure of.

import { unitIndex } from "./characters.js";

/**
 * The doubtful words of a line, [{start, end, box}], in UTF-16 indexes of the text in its field.
 * @param {Object} line - as the server has it.
 * @param {number} threshold - words below this confidence are doubtful.
 * @param {string} text - in the field; words that were changed there are not doubtful any more.
 * @param {boolean} inWork - a confirmed line has none, unless somebody works on it: correcting its
 *   first doubtful word confirms it.
 */
export function doubtfulWords(line, threshold, text = line.text, inWork = false) {
  if (line.confirmed && !inWork) return [];
  const doubtful = line.words
    .filter((word) => word.confidence !== null && word.confidence < threshold)
    .map(({ start, end, box }) => ({
      start: unitIndex(line.text, start),
      end: unitIndex(line.text, end),
      box,
    }));
  return text === line.text ? doubtful : moved(doubtful, line.text, text);
}

/** The words that still stand in a changed text, at their places there. */
function moved(words, before, after) {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const shift = after.length - before.length;
  return words
    .filter(({ start, end }) => end <= head || start >= before.length - tail)
    .map((word) => {
      const by = word.end <= head ? 0 : shift;
      return { ...word, start: word.start + by, end: word.end + by };
    })
    .filter(({ start, end }) => isWhole(after, start, end));
}

/** Whether a part of a text is no part of a longer word. */
function isWhole(text, start, end) {
  return !/\S/.test(text.charAt(start - 1)) && !/\S/.test(text.charAt(end));
}

/** The word at a UTF-16 index of a line's text, or null. */
export function wordAt(line, index) {
  const position = [...line.text.slice(0, index)].length;
  return line.words.find((word) => word.start <= position && position <= word.end) ?? null;
}

/**
 * The next doubtful word of a page.
 * @param {Object[]} lines - of the page.
 * @param {function} textOf - gives the text in a line's field.
 * @param {{id: string, index: number}} from - the cursor.
 * @param {number} step - 1 or -1.
 * @returns {{line, word}|null}
 */
export function nextDoubtful(lines, textOf, threshold, from, step) {
  const all = lines.flatMap((line, position) =>
    doubtfulWords(line, threshold, textOf(line.id), line.id === from.id).map((word) => ({
      line, position, word,
    })),
  );
  const here = lines.findIndex((line) => line.id === from.id);
  const after = ({ position, word }) =>
    position > here || (position === here && word.start >= from.index);
  const before = ({ position, word }) =>
    position < here || (position === here && word.end < from.index);
  return (step > 0 ? all.find(after) : all.reverse().find(before)) ?? null;
}
