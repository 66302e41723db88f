// A log by windows: more is fetched where somebody scrolls to, and new lines are followed until
// somebody scrolls up. The server makes the lines, so that they look alike whoever asked for them.
import { ask, ROOT } from "./api.js";

const MOST_LINES = 5000;
const NEAR = 300;

class LongLog extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(":scope > .log");
    this.where = this.querySelector(".where");
    this.button = this.querySelector(".follow");
    this.root = `${ROOT}/executions/${this.getAttribute("execution")}/log`;
    this.list = this.box.querySelector("ol");
    this.read(this.list);
    this.querySelector(":scope > .hint")?.remove();
    this.isFollowing = this.hasAttribute("live") && !this.hasAttribute("line") && !location.hash.startsWith("#L");
    this.box.addEventListener("scroll", () => this.scrolled());
    this.button.addEventListener("click", () => this.toEnd());
    this.addEventListener("submit", (event) => this.submitted(event));
    this.addEventListener("click", (event) => this.clicked(event));
    this.heard = () => this.toHash();
    window.addEventListener("hashchange", this.heard);
    if (location.hash.startsWith("#L")) this.toHash();
    else if (this.hasAttribute("line")) this.mark(Number(this.getAttribute("line")));
    else this.box.scrollTop = this.box.scrollHeight;
    this.say();
    if (this.hasAttribute("live")) this.follow();
  }

  disconnectedCallback() {
    this.isGone = true;
    window.removeEventListener("hashchange", this.heard);
  }

  get below() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
  }

  get isAtEnd() {
    return this.end > this.total && this.below < 40;
  }

  /** Take note of which lines a list has, and of how many there are. */
  read(list) {
    this.first = Number(list.dataset.first);
    this.take(list);
  }

  take(list) {
    this.end = Number(list.dataset.after);
    this.total = Number(list.dataset.total);
    this.cursor = Number(list.dataset.cursor);
  }

  async page(path) {
    const answer = await fetch(path, { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    return new DOMParser().parseFromString(await answer.text(), "text/html").body;
  }

  async window(line) {
    return (await this.page(`${this.root}/window?line=${line}`)).querySelector("ol");
  }

  /** Do one thing at a time; what fails is said, and the lines stay. */
  async alone(work) {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      await work();
      this.say();
    } catch (error) {
      this.where.textContent = `Not loaded: ${error.message}`;
    } finally {
      this.isBusy = false;
    }
  }

  replace(list) {
    this.list.replaceWith(list);
    this.list = list;
    this.read(list);
  }

  append(list) {
    this.take(list);
    this.list.append(...list.children);
    if (this.list.children.length > MOST_LINES) {
      const before = this.box.scrollHeight;
      while (this.list.children.length > MOST_LINES) this.list.firstElementChild.remove();
      this.box.scrollTop -= before - this.box.scrollHeight;
      this.first = Number(this.list.firstElementChild.id.slice(1));
    }
  }

  async earlier() {
    const begin = Math.max(1, this.first - 500);
    const list = await this.window(begin);
    const known = this.first;
    const lines = [...list.children].filter((line) => Number(line.id.slice(1)) < known);
    // Of long lines a window has fewer: then there would be a gap, and the window stands alone.
    if (Number(list.dataset.after) < known) return this.replace(list);
    const before = this.box.scrollHeight;
    this.list.prepend(...lines);
    this.box.scrollTop += this.box.scrollHeight - before;
    this.first = begin;
    while (this.list.children.length > MOST_LINES) {
      this.end = Number(this.list.lastElementChild.id.slice(1));
      this.list.lastElementChild.remove();
    }
  }

  async later() {
    this.append(await this.window(this.end));
  }

  scrolled() {
    // While many lines come at once, the last one that is here is not the end.
    if (this.below >= 40) this.isFollowing = false;
    else if (this.isAtEnd) this.isFollowing = this.hasAttribute("live");
    if (this.box.scrollTop < NEAR && this.first > 1) this.alone(() => this.earlier());
    else if (this.end <= this.total && this.below < NEAR) {
      this.alone(() => this.later());
    }
    this.say();
  }

  async toEnd() {
    await this.alone(async () => {
      this.replace(await this.window(-500));
      this.isFollowing = this.hasAttribute("live");
    });
    this.box.scrollTop = this.box.scrollHeight;
  }

  async toLine(number) {
    this.isFollowing = false;
    if (!this.list.querySelector(`#L${number}`)) {
      await this.alone(async () => this.replace(await this.window(Math.max(1, number - 20))));
    }
    this.mark(number);
  }

  toHash() {
    const number = Number(/^#L([0-9]+)$/.exec(location.hash)?.[1] ?? 0);
    if (number) this.toLine(number);
  }

  mark(number) {
    this.list.querySelector(".found")?.classList.remove("found");
    const line = this.list.querySelector(`#L${number}`);
    if (!line) return;
    line.classList.add("found");
    this.box.scrollTop += line.getBoundingClientRect().top - this.box.getBoundingClientRect().top - 60;
    this.box.scrollIntoView({ block: "nearest" });
  }

  clicked(event) {
    const line = event.target.closest("a[data-line]");
    if (!line || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (location.hash === `#L${line.dataset.line}`) this.toHash();
    else location.hash = `L${line.dataset.line}`;
  }

  submitted(event) {
    event.preventDefault();
    const { find, line } = event.target.elements;
    const query = new URLSearchParams();
    if (find.value.trim()) query.set("find", find.value.trim());
    const hash = line.value ? `#L${line.value}` : "";
    history.pushState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${hash}`);
    this.alone(async () => {
      const body = await this.page(`${this.root}/search?${query}`);
      this.querySelector(".log-found").replaceChildren(...body.childNodes);
    }).then(() => this.toHash());
  }

  async follow() {
    let pause = 500;
    while (!this.isGone) {
      if (!this.isFollowing) {
        await new Promise((resolve) => { setTimeout(resolve, 300); });
        continue;
      }
      try {
        const id = this.getAttribute("execution");
        const piece = await ask("GET", `/executions/${id}/log-lines?cursor=${this.cursor}&wait_s=20&limit=1`);
        pause = 500;
        if (piece.lines.length && this.isFollowing) {
          await this.alone(() => this.later());
          this.box.scrollTop = this.box.scrollHeight;
        } else if (piece.is_complete) {
          this.removeAttribute("live");
          this.isFollowing = false;
          this.say();
          return;
        }
      } catch {
        // The server is started again, or the laptop slept: the log is where it was.
        await new Promise((resolve) => { setTimeout(resolve, pause); });
        pause = Math.min(pause * 2, 15_000);
      }
    }
  }

  say() {
    const isLive = this.hasAttribute("live");
    this.button.hidden = this.isAtEnd || this.total < 2;
    this.button.textContent = isLive ? "Follow" : "To the end";
    const state = isLive ? (this.isFollowing ? " · follows" : " · paused") : "";
    const count = (number) => number.toLocaleString("en-GB");
    this.where.textContent = this.total
      ? `lines ${count(this.first)} to ${count(this.end - 1)} of ${count(this.total)}${state}`
      : "";
  }
}

customElements.define("long-log", LongLog);
