// The page's picture, to zoom and pan, with a layer of SVG that moves with it.

import { element, svgElement } from "./dom.js";

const { OpenSeadragon } = window;

// OpenSeadragon inserts a style sheet, which the content policy refuses with an error in the
// console, unless an element of this name is there.
const instead = document.createElementNS("urn:htrlib", "style");
instead.setAttribute("data-openseadragon-mobile-css", "");
document.head.append(instead);

/** Places are in pixels of the page, whatever the size of the served picture. */
export class PictureView {
  constructor() {
    this.element = element("div", { class: "picture" });
    this.layer = svgElement("g");
    this.scale = 1; // screen pixels of a page pixel
    this.size = { width: 1, height: 1 };
    this.image = new Image();
    this.changed = () => {}; // called when the scale changed
  }

  /** Start, once the element is in the document. */
  open(address, size, label) {
    this.size = size;
    this.viewer = OpenSeadragon({
      element: this.element,
      drawer: "canvas",
      showNavigationControl: false,
      animationTime: 0.25,
      maxZoomPixelRatio: 6,
      visibilityRatio: 0.3,
      zoomPerScroll: 1.25,
      gestureSettingsMouse: { clickToZoom: false },
      gestureSettingsPen: { clickToZoom: false },
      gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: false },
      tabIndex: -1,
    });
    this.viewer.addHandler("canvas-key", (event) => {
      event.preventDefaultAction = true; // keys.js has the keys
    });
    const svg = svgElement("svg", { class: "overlay", "aria-hidden": "true" });
    svg.append(this.layer);
    this.viewer.canvas.append(svg);
    for (const event of ["open", "update-viewport", "resize"]) {
      this.viewer.addHandler(event, () => this.#follow());
    }
    return new Promise((resolve, reject) => {
      this.image.alt = label;
      this.image.onload = () => {
        this.viewer.addOnceHandler("open", () => {
          this.home(true);
          resolve();
        });
        this.viewer.open({ type: "image", url: address, buildPyramid: true });
      };
      this.image.onerror = () => reject(new Error("The picture cannot be loaded."));
      this.image.src = address;
    });
  }

  close() {
    this.viewer?.destroy();
  }

  /** The page's place under a position of the viewer, which OpenSeadragon's events have. */
  place(position) {
    const point = this.viewer.viewport.pointFromPixel(position, true);
    return [point.x * this.size.width, point.y * this.size.width];
  }

  zoom(factor) {
    this.viewer.viewport.zoomBy(factor);
    this.viewer.viewport.applyConstraints();
  }

  /** Fit the page's width where the view is wide enough to read it so, else the whole page. */
  home(immediately = false) {
    const { width, height } = this.size;
    const { x, y } = this.viewer.viewport.getContainerSize();
    const shown = Math.min(height / width, y / x);
    this.viewer.viewport.fitBounds(new OpenSeadragon.Rect(0, 0, 1, shown), immediately);
  }

  /** Move the view, if need be, so that a box is in it. */
  reveal(box) {
    const viewport = this.viewer?.viewport;
    if (!viewport || !box || !this.viewer.isOpen()) return;
    const [left, top, right, bottom] = box.map((edge) => edge / this.size.width);
    const view = viewport.getBounds();
    const fits = right - left <= view.width;
    const inside =
      top >= view.y && bottom <= view.y + view.height &&
      (!fits || (left >= view.x && right <= view.x + view.width));
    if (inside) return;
    const x = fits ? (left + right) / 2 : left + view.width / 2;
    viewport.panTo(new OpenSeadragon.Point(x, (top + bottom) / 2));
    viewport.applyConstraints();
  }

  /** Make a box fill the view's width. */
  zoomTo([left, top, right, bottom]) {
    const margin = 0.05 * (right - left);
    const edges = [left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin];
    const rect = new OpenSeadragon.Rect(...edges.map((edge) => edge / this.size.width));
    this.viewer.viewport.fitBounds(rect);
  }

  #follow() {
    const viewport = this.viewer.viewport;
    const origin = viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
    const end = viewport.pixelFromPoint(new OpenSeadragon.Point(1, 0), true);
    const scale = (end.x - origin.x) / this.size.width;
    this.layer.setAttribute("transform", `translate(${origin.x} ${origin.y}) scale(${scale})`);
    if (scale !== this.scale) {
      this.scale = scale;
      this.changed();
    }
  }
}
