// Stands in for https://assets.crowd.aws/crowd-html-elements.js, which no test can reach: the elements
// that template.liquid.html uses, as AWS documents them. What a form submits is in window.submitted.
customElements.define("crowd-button", class extends HTMLElement {
  connectedCallback() {
    this.style.cssText = "display: inline-block; padding: 6px 18px; border-radius: 2px; cursor: pointer;" +
      "background: #ec7211; color: #fff; font: 600 15px sans-serif;";
    this.tabIndex = 0;
    this.setAttribute("role", "button");
    this.addEventListener("click", () => {
      if (this.getAttribute("form-action") === "submit") this.closest("crowd-form").submit();
    });
  }
});

customElements.define("crowd-form", class extends HTMLElement {
  submit() {
    if (!this.dispatchEvent(new Event("submit", {cancelable: true}))) return;
    window.submitted = {};
    for (const field of this.querySelectorAll("input[name], textarea[name]")) {
      window.submitted[field.name] = field.value;
    }
  }
});
