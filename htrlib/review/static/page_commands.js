// What the commands of the page view (keys.js) do to the active line.

import { codePoints, folded } from "./characters.js";
import { boxBelow, clipped, isLargeEnough, orderIndex, stretched } from "./outlines.js";

const KINDS = [null, "handwritten", "typewritten", "printed"];
const STEP = 4; // screen pixels that an arrow key moves an outline

/**
 * The commands that edit lines.
 * @param {Object} page - the page view: edits, list, tools, view, tell(text), goTo(id, start, end).
 */
export function lineCommands(page) {
  const { edits } = page;
  const lines = () => edits.page.lines;
  const active = () => edits.line(page.list.active);
  const position = () => lines().findIndex((line) => line.id === page.list.active);
  const apply = (edit, cause, locks) => edits.apply([edit], cause, locks);

  const withLine = (action) => () => {
    const line = active();
    if (line) return action(line);
    return page.tell("Choose a line first.");
  };

  /** An action that means something else, or nothing, once the edit that waits is made. */
  const withFreeLine = (action) =>
    withLine((line) => {
      if (!edits.locked.has(line.id)) return action(line);
      return page.tell("This line is being changed. Try again when that is saved.");
    });

  const reorder = (step) =>
    withLine((line) => {
      const index = position() + step;
      if (index >= 0 && index < lines().length) apply({ do: "order", id: line.id, index }, "order");
    });

  const shape = (line, box) => {
    const inside = clipped(box, edits.page.size);
    if (isLargeEnough(inside)) apply({ do: "move", id: line.id, ...stretched(line, inside) }, "move");
  };

  const next = (step) => () => {
    const line = page.list.neighbor(step);
    if (line) page.goTo(line.id);
  };

  return {
    add(place) {
      const xs = place.box ?? bounds(place.baseline);
      const kind = active()?.kind ?? lines()[0]?.kind ?? "handwritten";
      const line = { text: "", kind, ...place };
      return apply({ do: "add", line, index: orderIndex(lines(), xs) }, "add");
    },
    shape,
    insert() {
      const box = boxBelow(active() ?? lines()[lines().length - 1], edits.page.size);
      const index = active() ? position() + 1 : lines().length;
      const line = { text: "", kind: active()?.kind ?? "handwritten", box };
      return apply({ do: "add", line, index }, "insert");
    },
    confirm: withLine((line) => {
      edits.flush({ closing: true });
      const said = edits.text(line.id);
      if (said === line.text && said && !line.confirmed) {
        apply({ do: "confirm", id: line.id, confirmed: true }, "confirm");
      }
      const below = page.list.neighbor(1);
      if (below) page.goTo(below.id);
      else page.tell("Last line. Ctrl+Enter marks the page as done.");
    }),
    toggle(id) {
      const line = edits.line(id);
      edits.flush({ closing: true });
      if (!edits.text(id)) return page.tell("A line without text cannot be confirmed.");
      return apply({ do: "confirm", id, confirmed: !line.confirmed }, "confirm");
    },
    split: withFreeLine((line) => {
      const { field } = page.list.activeEditor;
      const at = codePoints(folded(field.value.slice(0, field.selectionStart)));
      if (at === 0 || at >= codePoints(folded(field.value))) {
        return page.tell("Put the cursor between the two parts, then split.");
      }
      return apply({ do: "split", id: line.id, at }, "split", [line.id]);
    }),
    merge: withFreeLine((line) => {
      const below = lines()[position() + 1];
      if (!below) return page.tell("There is no line below to join with.");
      return apply({ do: "merge", first: line.id, second: below.id }, "merge", [line.id, below.id]);
    }),
    orderUp: reorder(-1),
    orderDown: reorder(1),
    remove: withFreeLine((line) => apply({ do: "delete", id: line.id }, "remove", [line.id])),
    kind: withLine((line) => {
      const kind = KINDS[(KINDS.indexOf(line.kind) + 1) % KINDS.length];
      page.tell(`Kind: ${kind ?? "unknown"}`);
      return apply({ do: "kind", id: line.id, kind }, "kind");
    }),
    reread: withFreeLine((line) => {
      if (!line.box) return page.tell("This line has no place on the picture.");
      page.tell("Reading the line …");
      return edits.reread([line.id]);
    }),
    nudge(key, resize) {
      const line = active();
      if (!line?.box) return page.tell("Choose a line with an outline first.");
      const step = STEP / page.view.scale;
      const x = { ArrowLeft: -step, ArrowRight: step }[key] ?? 0;
      const y = { ArrowUp: -step, ArrowDown: step }[key] ?? 0;
      const [left, top, right, bottom] = line.box;
      const start = resize ? [left, top] : [left + x, top + y];
      return shape(line, [...start, right + x, bottom + y]);
    },
    nextLine: next(1),
    previousLine: next(-1),
    lineBelow: () => page.select(page.list.neighbor(1)?.id),
    lineAbove: () => page.select(page.list.neighbor(-1)?.id),
    undo: () => edits.undo(),
    redo: () => edits.redo(),
    save: () => {
      edits.flush({ closing: true });
      edits.retry();
    },
  };
}

function bounds(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** The line that the user goes to after an edit: {id, start} or null to stay. */
export function lineAfter(cause, old, page) {
  const before = new Set(old.lines.map((line) => line.id));
  const now = new Set(page.lines.map((line) => line.id));
  const come = page.lines.find((line) => !before.has(line.id));
  if (["add", "insert", "split"].includes(cause)) return come ? { id: come.id, start: 0 } : null;
  if (cause === "remove") {
    const at = old.lines.findIndex((line) => !now.has(line.id));
    const neighbor = page.lines[Math.min(at, page.lines.length - 1)];
    return neighbor ? { id: neighbor.id } : null;
  }
  if (cause === "undo" || cause === "redo") {
    const known = new Set(old.lines); // lines that did not change are the same objects
    const changed = page.lines.find((line) => !known.has(line));
    return changed ? { id: changed.id } : null;
  }
  return null;
}
