// Builds elements. Text goes in as text, never as HTML, so data cannot become markup.

/**
 * Create an element.
 * @param {string} tag
 * @param {Object} attributes - `class`, `on` ({event: listener}), `dataset`, `text`; the rest are
 *   attributes: `true` sets an empty one, `false` and `null` leave it out.
 * @param {...(Node|string|null)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name === "text") made.textContent = value;
    else if (name === "dataset") Object.assign(made.dataset, value);
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Create an SVG element with attributes. */
export function svgElement(tag, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Create a button that runs `action` when pressed. */
export function button(text, action, attributes = {}) {
  return element("button", { type: "button", text, on: { click: action }, ...attributes });
}

/** Create a button of a tool bar; where its text is a sign, its title is read out instead. */
export function toolButton(text, title, action, attributes = {}) {
  const name = text.length < 3 ? title : null;
  return button(text, action, { title, "aria-label": name, ...attributes });
}

/** Call `action` once the calls stop for `milliseconds`. The result's `flush` calls it at once. */
export function debounced(action, milliseconds) {
  let timer = null;
  const call = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      action(...values);
    }, milliseconds);
  };
  call.cancel = () => {
    clearTimeout(timer);
    timer = null;
  };
  return call;
}

/** "1 line", "2 lines". */
export function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** "93 %", or a dash where nothing is known. */
export function percent(share, digits = 0) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)} %`;
}
