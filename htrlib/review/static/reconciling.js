// Whether an edit made to one version of a page still means the same in another.

import { folded } from "./characters.js";

/** Ids of the lines that an edit is about, or null where it is about the page. */
function subjects(edit) {
  if (edit.do === "merge") return [edit.first, edit.second];
  if (edit.do === "add") return [];
  return edit.id === undefined ? null : [edit.id];
}

export const same = (first, second) => JSON.stringify(first) === JSON.stringify(second);

/** A page, with the line objects of an earlier state where they say the same: they are not redrawn. */
export function withKnownLines(page, before) {
  const known = new Map(before.lines.map((line) => [line.id, line]));
  const lines = page.lines.map((line) => (same(known.get(line.id), line) ? known.get(line.id) : line));
  return { ...page, lines };
}

/** Whether an edit can be made to `theirs` as it was meant for `mine`. */
export function editFits(edit, mine, theirs) {
  const ids = subjects(edit);
  if (ids === null) return false;
  if (edit.do === "order") {
    return same(mine.lines.map((line) => line.id), theirs.lines.map((line) => line.id));
  }
  return ids.every((id) => {
    const [before, now] = [mine, theirs].map((page) => page.lines.find((line) => line.id === id));
    if (!before || !now) return false;
    return edit.do === "text" ? before.text === now.text : same(before, now);
  });
}

/**
 * Compare a text that is not saved with the page as it is now.
 * @returns null where the text can be saved, "saved" where the page has it already, or the conflict
 *   {mine, theirs, by, place}; `theirs` is null where the line is gone.
 */
export function textConflict(id, draft, page) {
  const line = page.lines.find((candidate) => candidate.id === id);
  if (line?.text === folded(draft.text)) return "saved";
  if (line && line.text === draft.base) return null;
  const theirs = line ? line.text : null;
  return { mine: draft.text, theirs, by: page.changed_by, place: draft.place };
}
