// A log that follows an execution or a build, until somebody scrolls up; each line can be linked to.
import { ask } from "./api.js";

const MOST_LINES = 5000;

function clock(text) {
  return text.slice(11, 23);
}

class LogView extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(".log");
    this.list = this.querySelector("ol");
    this.box.scrollTop = this.box.scrollHeight;
    if (this.hasAttribute("follow")) this.follow();
  }

  disconnectedCallback() {
    this.isGone = true;
  }

  get isAtEnd() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 40;
  }

  async follow() {
    // From the beginning: what the server has shown may be the end alone.
    this.list.replaceChildren();
    let cursor = 0;
    let pause = 500;
    while (!this.isGone) {
      try {
        const piece = await ask("GET", `${this.getAttribute("lines")}?cursor=${cursor}&wait_s=20`);
        cursor = piece.cursor;
        pause = 500;
        this.add(piece.lines);
        if (piece.is_complete) return;
      } catch {
        // The server is started again, or the laptop slept: the log is where it was.
        await new Promise((resolve) => { setTimeout(resolve, pause); });
        pause = Math.min(pause * 2, 15_000);
      }
    }
  }

  add(lines) {
    if (!lines.length) return;
    this.querySelector(".hint")?.remove();
    const stays = this.isAtEnd;
    for (const line of lines) {
      const item = document.createElement("li");
      item.className = line.stream;
      const at = Object.assign(document.createElement("span"), { className: "at", textContent: clock(line.timestamp) });
      item.append(at, Object.assign(document.createElement("span"), { textContent: line.message }));
      this.list.append(item);
    }
    while (this.list.children.length > MOST_LINES) this.list.firstElementChild.remove();
    if (stays) this.box.scrollTop = this.box.scrollHeight;
  }
}

customElements.define("log-view", LogView);
