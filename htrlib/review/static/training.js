// Train a better reader from the confirmed lines, see what it is worth, and read on with it.

import { api } from "./api.js";
import { button, counted, element, percent } from "./dom.js";
import { announce, notify } from "./notices.js";
import { LIST } from "./routes.js";

const POLL = 2000; // milliseconds

export class TrainingView {
  constructor() {
    this.body = element("main", { id: "main", class: "training", tabindex: "-1" });
    this.element = element(
      "div",
      { class: "list-view" },
      element(
        "header",
        { class: "list-header" },
        element("a", { href: LIST, class: "back", text: "All pages" }),
        element("h1", { text: "Train" }),
      ),
      this.body,
    );
    document.title = "Train – htr review";
    this.minutes = element("input", {
      id: "minutes", type: "number", min: "1", max: "10000", value: "10", inputmode: "numeric",
    });
    this.start = button("Start training", () => this.#start(), { class: "primary" });
    this.stop = button("Stop", () => this.#do(api.stopTraining));
    this.resume = button("Resume", () => this.#do(api.resumeTraining));
    this.use = button("Use it for the pages left", () => this.#use(), { class: "primary" });
    this.lines = element("p", { class: "large" });
    this.whyNot = element("p", { class: "hint", role: "status" });
    this.bar = element("progress", { max: "1", "aria-label": "Progress of the training" });
    this.state = element("p", { role: "status" });
    this.left = element("p", { class: "hint" });
    this.log = element("pre", { class: "log", tabindex: "0", "aria-label": "Log of the training" });
    this.details = element("details", {}, element("summary", { text: "Log" }), this.log);
    this.scores = element("div", { class: "scores" });
    this.inUse = element("p", { class: "hint" });
    this.#layout();
  }

  async open() {
    await this.#poll();
  }

  close() {
    clearTimeout(this.timer);
    this.closed = true;
  }

  #layout() {
    this.running = element("section", { "aria-label": "Training" }, element("h2", { text: "Progress" }), this.state, this.bar, this.stop, this.left, this.resume, this.details);
    this.result = element("section", { "aria-label": "Result" }, element("h2", { text: "Result" }), this.scores, this.use);
    this.body.append(
      element(
        "section",
        { "aria-label": "Start" },
        this.lines,
        element("p", { text: "The model learns from the lines that people confirmed. Some pages are kept aside: on them it is measured before and after." }),
        element("p", { class: "minutes" }, element("label", { for: "minutes", text: "Minutes" }), this.minutes, this.start),
        this.whyNot,
        this.inUse,
      ),
      this.running,
      this.result,
    );
  }

  show(training) {
    const { state } = training;
    const running = state === "running";
    this.lines.textContent = `${counted(training.lines, "confirmed line")} on ${counted(training.pages, "page")}`;
    this.start.disabled = running || !training.can_train;
    this.minutes.disabled = running;
    if (running && training.minutes) this.minutes.value = training.minutes;
    this.whyNot.textContent = running ? "" : training.why_not;
    const name = training.in_use.split(/[\\/]/).pop();
    this.inUse.textContent = `Pages are read with the model ${name}.`;
    this.inUse.title = training.in_use;
    this.running.hidden = state === "idle";
    this.stop.hidden = !running;
    this.bar.hidden = !running;
    this.bar.value = training.progress;
    const words = {
      running: `Training, ${percent(training.progress)}`,
      finished: "Training has finished.",
      stopped: training.problem ? `Training was stopped: ${training.problem}.` : "Training was stopped.",
      failed: `Training failed: ${training.problem}`,
    };
    const text = words[state] ?? "";
    if (this.state.textContent !== text) this.state.textContent = text;
    this.state.classList.toggle("problem", state === "failed");
    this.#showLeft(training);
    const log = training.log.join("\n");
    this.details.hidden = !log;
    if (this.log.textContent !== log) {
      this.log.textContent = log;
      this.log.scrollTop = this.log.scrollHeight;
    }
    this.#showScores(training);
  }

  /** What a training that did not finish leaves, and whether it can go on. */
  #showLeft({ state, folder, bundle, can_resume: canResume, why_not_resume: whyNot }) {
    this.left.hidden = state !== "stopped" && !(state === "failed" && bundle);
    this.resume.hidden = !canResume;
    const model = bundle
      ? `The best model so far is in ${bundle}. It was not measured on the pages kept aside.`
      : `It has no model yet. What it has done so far is in ${folder}.`;
    const text = canResume || !whyNot ? model : `${model} It cannot be resumed: ${whyNot}.`;
    if (this.left.textContent !== text) this.left.textContent = text;
  }

  #showScores({ state, before, after, bundle, in_use: inUse }) {
    this.result.hidden = !before && !after;
    const unmeasured = state === "running" ? "not measured yet" : "not measured";
    this.scores.replaceChildren(...[["Before", before], ["After", after]].map(([name, score]) =>
      element(
        "div",
        { class: "score" },
        element("h3", { text: name }),
        element("p", { class: "large", text: score ? percent(score.cer, 1) : "–" }),
        element("p", { class: "hint", text: score ? `of characters wrong, ${counted(score.lines, "line")} of ${counted(score.pages, "page")} kept aside` : unmeasured }),
      ),
    ));
    const used = bundle !== null && bundle === inUse;
    this.use.hidden = !bundle || state === "running";
    this.use.disabled = used;
    this.use.textContent = used ? "In use" : "Use it for the pages left";
  }

  async #poll() {
    clearTimeout(this.timer);
    try {
      const training = await api.training();
      if (this.closed) return;
      this.show(training);
    } catch (error) {
      if (!this.closed) this.state.textContent = error.message;
    }
    if (!this.closed) this.timer = setTimeout(() => this.#poll(), POLL);
  }

  async #start() {
    const minutes = Number(this.minutes.value);
    if (!(minutes > 0)) return notify("Give the number of minutes, at least 1.", "problem");
    return this.#do(() => api.startTraining(minutes));
  }

  async #use() {
    if (await this.#do(api.useTrained)) notify("Pages are read with the new model from now on.");
  }

  async #do(request) {
    try {
      await request();
      await this.#poll();
      return true;
    } catch (error) {
      notify(error.message, "problem");
      announce(error.message);
      return false;
    }
  }
}
