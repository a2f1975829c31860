// Messages: a spoken status line, and notices that stay until they are read.

import { button, element } from "./dom.js";

/** Tell screen readers something that can be seen already. */
export function announce(text) {
  document.getElementById("status").textContent = text;
}

/**
 * Show a notice.
 * @param {string} text
 * @param {"info"|"problem"} kind - a problem stays until it is closed.
 * @returns {function} closes it.
 */
export function notify(text, kind = "info") {
  const shelf = document.getElementById("notices");
  for (const shown of [...shelf.children]) {
    if (shown.dataset.text === text) shown.remove();
  }
  const notice = element(
    "div",
    { class: `notice ${kind}`, role: kind === "problem" ? "alert" : "status", dataset: { text } },
    element("p", { text }),
  );
  const close = () => notice.remove();
  notice.append(button("×", close, { class: "quiet", "aria-label": "Close this message" }));
  shelf.append(notice);
  if (kind === "info") setTimeout(close, 6000);
  return close;
}
