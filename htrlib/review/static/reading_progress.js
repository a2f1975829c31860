// How far the reading in the background is, and the button that pauses it.

import { api } from "./api.js";
import { button, element } from "./dom.js";
import { notify } from "./notices.js";

export class ReadingProgress {
  constructor() {
    this.bar = element("progress", { "aria-label": "Pages read" });
    this.text = element("span");
    this.pause = button("", () => this.#toggle(), { class: "quiet" });
    this.element = element("div", { class: "reading" }, this.bar, this.text, this.pause);
  }

  show({ reading, total, bundle }) {
    const left = reading.waiting + reading.active.length;
    this.stands = reading.paused || Boolean(reading.problem);
    this.bar.max = Math.max(total, 1);
    this.bar.value = total - left;
    this.bar.hidden = this.pause.hidden = left === 0;
    this.pause.textContent = this.stands ? "Go on" : "Pause";
    this.element.classList.toggle("problem", Boolean(reading.problem));
    this.text.textContent = reading.problem || (left ? this.#progress(reading, left) : `All pages read · ${bundle}`);
  }

  #progress({ paused, pages_per_second: rate }, left) {
    if (paused) return `Reading paused, ${left} to go`;
    const minutes = rate ? Math.ceil(left / rate / 60) : null;
    return `Reading, ${left} to go${minutes ? ` (${minutes} min)` : ""}`;
  }

  async #toggle() {
    try {
      await api.pauseReading(!this.stands);
    } catch (error) {
      notify(error.message, "problem");
    }
  }
}
