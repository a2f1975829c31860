// Modal dialogs, on the browser's own <dialog>: it keeps the focus inside and Escape closes it.

import { element } from "./dom.js";

/**
 * Open a dialog.
 * @param {string} title
 * @param {Node[]} content
 * @param {Array<[string, *]>} choices - button text and what it resolves to; the first is the default.
 * @returns {Promise<*>} the choice, or undefined where the dialog was closed.
 */
export function ask(title, content, choices) {
  const before = document.activeElement;
  return new Promise((resolve) => {
    let chosen;
    const buttons = choices.map(([text, value], index) =>
      element("button", {
        type: index === 0 ? "submit" : "button",
        text,
        class: index === 0 ? "primary" : "",
        on: {
          click: () => {
            chosen = value;
            dialog.close();
          },
        },
      }),
    );
    const form = element(
      "form",
      { method: "dialog" },
      element("h2", { text: title, id: "dialog-title" }),
      ...content,
      element("div", { class: "buttons" }, ...buttons),
    );
    const dialog = element("dialog", { "aria-labelledby": "dialog-title" }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      buttons[0].click();
    });
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(chosen);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Ask for a person's name, which the history of each page shows. */
export async function askName(current) {
  const field = element("input", {
    id: "person-name",
    autocomplete: "name",
    maxlength: "80",
    value: current ?? "",
  });
  const answer = await ask(
    "Who are you?",
    [
      element("p", { text: "Several people may edit these pages. Your name goes with your changes." }),
      element("label", { for: "person-name", text: "Name" }),
      field,
    ],
    [["Save", true]],
  );
  return answer ? field.value.trim() : (current ?? "");
}

/** Show a table of keys. */
export function showKeys(groups) {
  const tables = groups.flatMap(([title, rows]) => [
    element("h3", { text: title }),
    element(
      "dl",
      { class: "keys" },
      ...rows.flatMap(([keys, what]) => [
        element("dt", {}, ...keys.map((key) => element("kbd", { text: key }))),
        element("dd", { text: what }),
      ]),
    ),
  ]);
  return ask("Keys", [element("div", { class: "scrolls", tabindex: "0" }, ...tables)], [["Close", true]]);
}
