// The earlier versions of a page, and the way back to one.

import { api } from "./api.js";
import { ask } from "./dialogs.js";
import { element } from "./dom.js";
import { notify } from "./notices.js";

export async function chooseVersion(edits) {
  await edits.flush({ closing: true });
  let versions;
  try {
    versions = await api.history(edits.page.name);
  } catch (error) {
    return notify(error.message, "problem");
  }
  if (!versions.length) return notify("This page has no earlier version.");
  const options = [...versions].reverse().map(({ number, at, by }) => {
    const time = new Date(at).toLocaleString();
    return element("option", { value: number, text: `${number}: ${time}${by ? `, ${by}` : ""}` });
  });
  const field = element("select", { id: "version", size: Math.min(10, Math.max(2, options.length)) }, ...options);
  field.value = versions[versions.length - 1].number;
  const restore = await ask(
    "Earlier versions",
    [
      element("label", { for: "version", text: "Go back to the page as it was saved at" }),
      field,
      element("p", { class: "hint", text: "The version of now is kept and can be restored as well." }),
    ],
    [["Cancel", false], ["Restore", true]],
  );
  if (restore && field.value) await edits.restore(Number(field.value));
  return undefined;
}
