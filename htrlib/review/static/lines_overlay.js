// The outlines of the lines over the picture, and the handles of the one that is changed.

import { svgElement } from "./dom.js";
import { contains, corners } from "./outlines.js";

const HANDLE = 9; // screen pixels
const points = (corners) => corners.map((point) => point.join(",")).join(" ");

export class LinesOverlay {
  constructor(view) {
    this.view = view;
    this.lines = [];
    this.active = null;
    this.adjusting = false;
    this.word = null; // box of the word at the cursor
    this.sketch = null; // what is being drawn: {box} or {baseline}
    this.outlines = new Map(); // line id -> {shape, line, active}, as drawn
    view.changed = () => this.#drawHandles();
    this.parts = Object.fromEntries(
      ["outlines", "baselines", "words", "sketches", "handles"].map((name) => [name, svgElement("g")]),
    );
    view.layer.append(...Object.values(this.parts));
  }

  draw() {
    const placed = this.lines.filter(corners);
    const ids = new Set(placed.map(({ id }) => id));
    for (const [id, { shape }] of this.outlines) {
      if (ids.has(id)) continue;
      shape.remove();
      this.outlines.delete(id);
    }
    let next = this.parts.outlines.firstChild;
    for (const line of placed) {
      const shape = this.#outline(line);
      if (shape === next) next = next.nextSibling;
      else this.parts.outlines.insertBefore(shape, next);
    }
    this.#drawBaseline();
    this.#drawWord();
    this.#drawSketch();
    this.#drawHandles();
  }

  showWord(box) {
    this.word = box;
    this.#drawWord();
  }

  showSketch(sketch) {
    this.sketch = sketch;
    this.#drawSketch();
    this.#drawHandles();
  }

  /** The line under a place: the smallest one, where several lie there. */
  lineAt(place) {
    const found = this.lines.filter((line) => corners(line) && contains(corners(line), place));
    const area = ({ box: [left, top, right, bottom] }) => (right - left) * (bottom - top);
    return found.sort((first, second) => area(first) - area(second))[0] ?? null;
  }

  /** The handle under a place: [-1|0|1, -1|0|1] for left, middle, right and top, middle, bottom. */
  handleAt([x, y]) {
    const reach = (1.5 * HANDLE) / this.view.scale;
    const found = this.#handles().find(
      (handle) => Math.abs(handle.x - x) <= reach && Math.abs(handle.y - y) <= reach,
    );
    return found?.edges ?? null;
  }

  #activeLine() {
    return this.lines.find((line) => line.id === this.active);
  }

  #handles() {
    const box = this.sketch?.box ?? this.#activeLine()?.box;
    if (!this.adjusting || !box) return [];
    const [left, top, right, bottom] = box;
    const sides = [[-1, left], [0, (left + right) / 2], [1, right]];
    const heights = [[-1, top], [0, (top + bottom) / 2], [1, bottom]];
    return sides.flatMap(([h, x]) =>
      heights.filter(([v]) => h || v).map(([v, y]) => ({ x, y, edges: [h, v] })),
    );
  }

  /** The shape of a line, changed only where the line did. */
  #outline(line) {
    const drawn = this.outlines.get(line.id);
    const active = line.id === this.active;
    if (drawn?.line === line && drawn.active === active) return drawn.shape;
    const shape = drawn?.shape ?? svgElement("polygon");
    if (drawn?.line !== line) shape.setAttribute("points", points(corners(line)));
    const state = line.confirmed ? "confirmed" : "open";
    shape.setAttribute("class", `outline ${state}${active ? " active" : ""}`);
    this.outlines.set(line.id, { shape, line, active });
    return shape;
  }

  #drawBaseline() {
    const baseline = this.#activeLine()?.baseline;
    const shapes = baseline ? [svgElement("polyline", { points: points(baseline), class: "baseline" })] : [];
    this.parts.baselines.replaceChildren(...shapes);
  }

  #drawHandles() {
    const side = HANDLE / this.view.scale;
    const shapes = this.#handles().map(({ x, y }) =>
      svgElement("rect", {
        x: x - side / 2, y: y - side / 2, width: side, height: side, class: "handle",
      }),
    );
    this.parts.handles.replaceChildren(...shapes);
  }

  #drawWord() {
    if (!this.word) return this.parts.words.replaceChildren();
    const [left, top, right, bottom] = this.word;
    const size = { x: left, y: top, width: right - left, height: bottom - top };
    return this.parts.words.replaceChildren(svgElement("rect", { ...size, class: "word" }));
  }

  #drawSketch() {
    const shapes = [];
    if (this.sketch?.box) {
      const [left, top, right, bottom] = this.sketch.box;
      const size = { x: left, y: top, width: right - left, height: bottom - top };
      shapes.push(svgElement("rect", { ...size, class: "sketch" }));
    }
    if (this.sketch?.baseline) {
      shapes.push(svgElement("polyline", { points: points(this.sketch.baseline), class: "sketch" }));
      for (const [x, y] of this.sketch.baseline) {
        shapes.push(svgElement("circle", { cx: x, cy: y, r: 4 / this.view.scale, class: "handle" }));
      }
    }
    this.parts.sketches.replaceChildren(...shapes);
  }
}
