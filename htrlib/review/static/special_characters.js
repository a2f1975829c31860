// A palette of characters that keyboards lack.

import { button, element } from "./dom.js";

const GROUPS = [
  ["Punctuation", "’ ‘ “ ” „ « » ‹ › – — … · • † ‡ § ¶ ¿ ¡"],
  ["Letters", "à â ä á ã å æ ç é è ê ë í î ï ñ ó ô ö õ ø œ ß ú ù û ü ÿ"],
  ["Capitals", "À Â Ä Á Å Æ Ç É È Ê Ë Î Ï Ñ Ô Ö Ø Œ Ú Û Ü"],
  ["Old", "ſ ƒ þ ð ȝ ꝑ ꝓ ꝗ ꝯ ꝰ ã ẽ ĩ õ ũ m̄ n̄ ū"],
  ["Signs", "£ $ € ¢ ¥ ℔ ℥ ½ ¼ ¾ ⅓ ⅔ ° № × ÷ ± = ª º ¹ ² ³ & ⁊"],
];

export class SpecialCharacters {
  /** @param {function} insert - gets the character. */
  constructor(insert, close) {
    this.close = close;
    this.buttons = [];
    const groups = GROUPS.map(([name, characters]) =>
      element(
        "div",
        { role: "group", "aria-label": name },
        ...characters.split(" ").map((character) => {
          const made = button(character, () => insert(character), { tabindex: "-1" });
          this.buttons.push(made);
          return made;
        }),
      ),
    );
    this.element = element(
      "div",
      {
        class: "characters",
        role: "toolbar",
        "aria-label": "Special characters",
        hidden: true,
        on: { keydown: (event) => this.#key(event) },
      },
      ...groups,
      button("Close", close, { class: "quiet" }),
    );
    this.buttons[0].tabIndex = 0;
  }

  get open() {
    return !this.element.hidden;
  }

  toggle(open = !this.open) {
    this.element.hidden = !open;
    if (open) this.buttons.find((candidate) => candidate.tabIndex === 0).focus();
  }

  #key(event) {
    const at = this.buttons.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (event.key === "Escape" || event.key === "F9") this.close();
    else if (step && at >= 0) {
      const next = Math.min(Math.max(at + step, 0), this.buttons.length - 1);
      this.buttons[at].tabIndex = -1;
      this.buttons[next].tabIndex = 0;
      this.buttons[next].focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
