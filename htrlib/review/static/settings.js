// What this browser remembers of its user.

import { same } from "./reconciling.js";

const PREFIX = "htr-review:";
const DEFAULTS = {
  name: null, // null: not asked yet
  language: "",
  threshold: "0.8", // words below this confidence are marked
  outlines: "true",
};

export function setting(name) {
  try {
    return localStorage.getItem(PREFIX + name) ?? DEFAULTS[name];
  } catch {
    return DEFAULTS[name]; // storage is switched off
  }
}

export function saveSetting(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    DEFAULTS[name] = value; // for as long as the page is open
  }
}

/**
 * Texts that are typed but not saved: page name -> {line id: {text, base, place}}. Servers of other
 * folders have the same storage if they had the same port, so `folder` is to be set first.
 */
export const drafts = {
  folder: "",
  load(page) {
    try {
      return JSON.parse(localStorage.getItem(this.key(page))) ?? {};
    } catch {
      return {};
    }
  },
  /** Store what a window changed of its texts since `before`; those of other windows remain. */
  save(page, texts, before) {
    const stored = this.load(page);
    for (const [id, text] of Object.entries(before)) {
      if (!(id in texts) && same(stored[id], text)) delete stored[id];
    }
    for (const [id, text] of Object.entries(texts)) {
      if (!same(before[id], text)) stored[id] = text;
    }
    try {
      if (Object.keys(stored).length) localStorage.setItem(this.key(page), JSON.stringify(stored));
      else localStorage.removeItem(this.key(page));
    } catch {
      // Storage is full or off; the texts stay in the open page, which warns before it is left.
    }
  },
  key(page) {
    return `${PREFIX}drafts:${this.folder}:${page}`;
  },
};
