// What this browser remembers of its user.

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

/** Texts that are typed but not saved: page name -> {line id: {text, base}}. */
export const drafts = {
  load(page) {
    try {
      return JSON.parse(localStorage.getItem(`${PREFIX}drafts:${page}`)) ?? {};
    } catch {
      return {};
    }
  },
  save(page, texts) {
    try {
      const key = `${PREFIX}drafts:${page}`;
      if (Object.keys(texts).length) localStorage.setItem(key, JSON.stringify(texts));
      else localStorage.removeItem(key);
    } catch {
      // Storage is full or off; the texts stay in the open page, which warns before it is left.
    }
  },
};
