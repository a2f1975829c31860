// The buttons above the picture.

import { element, toolButton } from "./dom.js";
import { keyName } from "./keys.js";

const DRAWING = [
  ["select", "Select", "Choose lines"],
  ["box", "Box", "Draw a box around a line"],
  ["baseline", "Baseline", "Draw a baseline, point by point"],
  ["adjust", "Outline", "Move or resize the outline of the line"],
];
const HINTS = {
  select: "",
  box: "Drag a box around one line.",
  baseline: "Click along the line's foot from left to right; a double click or Enter ends it.",
  adjust: "Drag the line, or one of its handles. Esc ends it.",
};

export class PictureTools {
  constructor(run) {
    this.drawing = Object.fromEntries(
      DRAWING.map(([name, text, label]) => {
        const title = name === "select" ? label : `${label} (${keyName(name)})`;
        return [name, toolButton(text, title, () => run(name), { "aria-pressed": "false" })];
      }),
    );
    const zoom = (text, command, title) => toolButton(text, title, () => run(command));
    this.hint = element("p", { class: "hint", role: "status" });
    this.element = element(
      "div",
      { class: "picture-tools" },
      element("div", { role: "group", "aria-label": "Draw" }, ...Object.values(this.drawing)),
      element(
        "div",
        { role: "group", "aria-label": "Zoom" },
        zoom("−", "zoomOut", "Zoom out"),
        zoom("+", "zoomIn", "Zoom in"),
        zoom("Fit", "zoomHome", "Fit the page"),
        zoom("Line", "zoomLine", "Zoom to the line"),
      ),
      this.hint,
    );
    this.show("select");
  }

  show(tool) {
    for (const [name, made] of Object.entries(this.drawing)) {
      made.setAttribute("aria-pressed", String(name === tool));
    }
    this.hint.textContent = HINTS[tool];
  }
}
