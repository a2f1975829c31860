// The picture of one line, cut out of the page's picture and shown above its text.

import { element } from "./dom.js";

const HIGHEST = 130; // CSS pixels
const MARGIN = 0.15; // of the line's height, around it

export class LineCrop {
  constructor() {
    this.canvas = element("canvas", { class: "crop", role: "img", "aria-label": "Picture of this line" });
  }

  /**
   * Draw a line.
   * @param {HTMLImageElement} image - the page's picture; drawn once it is there.
   * @param {{width: number}} size - of the page; the picture may be smaller.
   * @param {number[]|null} box - of the line, in page pixels.
   * @param {number[]|null} word - box of the word to point out.
   */
  draw(image, size, box, word) {
    const known = box && image.complete && image.naturalWidth > 0;
    this.canvas.hidden = !known;
    if (!known) return;
    const margin = MARGIN * (box[3] - box[1]);
    const [left, top] = [Math.max(0, box[0] - margin), Math.max(0, box[1] - margin)];
    const [width, height] = [box[2] + margin - left, box[3] + margin - top];
    const room = this.canvas.parentElement?.clientWidth || 600;
    const scale = Math.min(room / width, HIGHEST / height);
    const sharpness = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * scale * sharpness);
    this.canvas.height = Math.round(height * scale * sharpness);
    this.canvas.style.width = `${Math.round(width * scale)}px`;
    this.canvas.style.height = `${Math.round(height * scale)}px`;
    const context = this.canvas.getContext("2d");
    const share = image.naturalWidth / size.width;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      image, left * share, top * share, width * share, height * share,
      0, 0, this.canvas.width, this.canvas.height,
    );
    if (!word) return;
    const zoom = scale * sharpness;
    context.fillStyle = "rgba(255, 196, 0, 0.28)";
    context.fillRect(
      (word[0] - left) * zoom, (word[1] - top) * zoom,
      (word[2] - word[0]) * zoom, (word[3] - word[1]) * zoom,
    );
  }
}
