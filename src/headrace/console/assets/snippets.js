// One snippet at a time, chosen by tabs; without JavaScript they stand one below the other.
class CodeTabs extends HTMLElement {
  connectedCallback() {
    this.parts = [...this.querySelectorAll(".snippet")];
    const bar = document.createElement("div");
    bar.className = "choices";
    bar.setAttribute("role", "tablist");
    bar.setAttribute("aria-label", "Language");
    this.buttons = this.parts.map((part, at) => {
      const title = part.querySelector("h3");
      title.hidden = true;
      part.setAttribute("role", "tabpanel");
      part.setAttribute("aria-label", title.textContent);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      button.textContent = title.textContent;
      button.setAttribute("role", "tab");
      button.addEventListener("click", () => this.choose(at));
      button.addEventListener("keydown", (event) => this.step(event, at));
      bar.append(button);
      return button;
    });
    this.prepend(bar);
    const known = localStorage.getItem("headrace-language");
    this.choose(Math.max(this.buttons.findIndex((button) => button.textContent === known), 0));
  }

  step(event, at) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const next = (at + by + this.buttons.length) % this.buttons.length;
    this.choose(next);
    this.buttons[next].focus();
  }

  choose(at) {
    this.parts.forEach((part, number) => { part.hidden = number !== at; });
    this.buttons.forEach((button, number) => {
      button.setAttribute("aria-selected", String(number === at));
      button.tabIndex = number === at ? 0 : -1;
    });
    localStorage.setItem("headrace-language", this.buttons[at].textContent);
  }
}

customElements.define("code-tabs", CodeTabs);
