// Addresses inside the page: #/ is the list, #/page/NAME a page, #/training the training.

import { encodedName } from "./api.js";

export const LIST = "#/";
export const TRAINING = "#/training";

export function pageAddress(name) {
  return `#/page/${encodedName(name)}`;
}

/** What an address shows: {view, name}. */
export function routeOf(hash) {
  if (hash.startsWith("#/page/")) {
    try {
      return { view: "page", name: hash.slice(7).split("/").map(decodeURIComponent).join("/") };
    } catch {
      return { view: "list" }; // not an address that this page made
    }
  }
  return { view: hash === TRAINING ? "training" : "list" };
}
