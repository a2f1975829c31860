// What the pointer does on the picture: choose a line, draw a box or a baseline, move and resize.

import { boxCorners, clipped, contains, isLargeEnough, spanned } from "./outlines.js";

export const TOOLS = ["select", "box", "baseline", "adjust"];

export class OutlineTools {
  #drag = null;
  #baseline = [];

  /**
   * @param {PictureView} view
   * @param {LinesOverlay} overlay
   * @param {Object} actions - select(id), add(place), reshape(line, box), toolChanged(name).
   */
  constructor(view, overlay, actions) {
    Object.assign(this, { view, overlay, actions, tool: "select" });
    const { viewer } = view;
    viewer.addHandler("canvas-press", (event) => this.#press(view.place(event.position)));
    viewer.addHandler("canvas-drag", (event) => {
      if (!this.#drag) return;
      event.preventDefaultAction = true;
      this.#pull(view.place(event.position));
    });
    viewer.addHandler("canvas-drag-end", (event) => {
      if (!this.#drag) return;
      event.preventDefaultAction = true;
      this.#release();
    });
    viewer.addHandler("canvas-click", (event) => {
      if (event.quick) this.#click(view.place(event.position));
    });
    viewer.addHandler("canvas-double-click", (event) => {
      if (this.tool !== "baseline") return;
      event.preventDefaultAction = true;
      this.finish();
    });
  }

  use(tool) {
    this.tool = tool;
    this.#drag = null;
    this.#baseline = [];
    this.overlay.adjusting = tool === "adjust";
    this.overlay.showSketch(null);
    this.view.element.dataset.tool = tool;
    this.actions.toolChanged(tool);
  }

  /** End what is being drawn. Returns whether anything was. */
  finish() {
    const points = this.#baseline;
    if (this.tool !== "baseline" || points.length < 2) return false;
    this.use("select");
    this.actions.add({ baseline: points });
    return true;
  }

  #press(place) {
    this.#drag = null;
    if (this.tool === "box") this.#drag = { start: place, edges: null };
    if (this.tool !== "adjust") return;
    const line = this.overlay.lines.find(({ id }) => id === this.overlay.active);
    if (!line?.box) return;
    const edges = this.overlay.handleAt(place);
    const inside = contains(boxCorners(line.box), place);
    if (edges || inside) this.#drag = { start: place, edges: edges ?? [0, 0], line };
  }

  #pull([x, y]) {
    const { start, edges, line } = this.#drag;
    let box;
    if (!line) box = spanned(start, [x, y]);
    else {
      const [dx, dy] = [x - start[0], y - start[1]];
      const whole = !edges[0] && !edges[1];
      const [left, top, right, bottom] = line.box;
      box = spanned(
        [left + (whole || edges[0] < 0 ? dx : 0), top + (whole || edges[1] < 0 ? dy : 0)],
        [right + (whole || edges[0] > 0 ? dx : 0), bottom + (whole || edges[1] > 0 ? dy : 0)],
      );
    }
    this.#drag.box = clipped(box, this.view.size);
    this.overlay.showSketch({ box: this.#drag.box });
  }

  #release() {
    const { line, box } = this.#drag;
    this.#drag = null;
    this.overlay.showSketch(null);
    if (!box || !isLargeEnough(box)) return;
    if (line) return this.actions.reshape(line, box);
    this.use("select");
    this.actions.add({ box });
  }

  #click(place) {
    if (this.tool === "baseline") {
      const last = this.#baseline[this.#baseline.length - 1];
      // The second click of a double click lies where the first one was.
      const near = last && Math.hypot(place[0] - last[0], place[1] - last[1]) * this.view.scale < 6;
      if (!near) this.#baseline = [...this.#baseline, place];
      return this.overlay.showSketch({ baseline: this.#baseline });
    }
    if (this.tool === "box") return;
    const line = this.overlay.lineAt(place);
    if (line) this.actions.select(line.id);
  }
}
