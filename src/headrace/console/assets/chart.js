// A plot of the table inside it, over times or positions. Without JavaScript one sees the table.
import { isLocal } from "./times.js";

const LONG_S = 36 * 3600;

/** How the times of an axis are written: hours of a day, or days if it covers several. */
function marks(seconds, covers) {
  const moment = new Date(seconds * 1000);
  const zone = isLocal() ? undefined : "UTC";
  /** @type {Intl.DateTimeFormatOptions} */
  const format = covers > LONG_S
    ? { month: "short", day: "numeric" }
    : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return moment.toLocaleString("en-GB", { ...format, timeZone: zone });
}

/** Places of values without a neighbour, which are on no line. */
function alone(values) {
  const isNone = (at) => values[at] === null || values[at] === undefined;
  return values.flatMap((value, at) => (value !== null && isNone(at - 1) && isNone(at + 1) ? [at] : []));
}

class TimeChart extends HTMLElement {
  connectedCallback() {
    // Live pages morph the table; what is drawn is left alone, and follows it.
    this.box = this.querySelector(":scope > [hx-morph-skip]") ?? document.createElement("div");
    this.prepend(this.box);
    this.read();
    this.draw();
    this.watcher = new ResizeObserver(() => this.fit());
    this.watcher.observe(this);
    this.follower = new MutationObserver(() => this.follow());
    this.follower.observe(this.querySelector("details"), { attributes: true, attributeFilter: ["data-value", "datetime"], characterData: true, childList: true, subtree: true });
    this.theme = window.matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.theme.addEventListener("change", this.redraw);
  }

  read() {
    const table = this.querySelector("details table");
    const rows = [...table.tBodies[0].rows];
    const heads = [...table.tHead.rows[0].cells].slice(1);
    this.names = heads.map((cell) => cell.textContent);
    this.tones = heads.map((cell) => cell.dataset.tone);
    this.over = table.tHead.rows[0].cells[0].textContent;
    this.isTime = rows[0].querySelector("time") !== null;
    const times = rows.map((row) => (this.isTime
      ? Date.parse(row.querySelector("time").dateTime) / 1000
      : Number(row.cells[0].dataset.value)));
    const lines = this.names.map((_, at) => rows.map((row) => {
      const text = row.cells[at + 1].dataset.value;
      return text === "" ? null : Number(text);
    }));
    this.values = [times, ...lines];
  }

  follow() {
    const before = JSON.stringify(this.values);
    this.read();
    if (JSON.stringify(this.values) !== before) this.draw();
  }

  disconnectedCallback() {
    this.watcher?.disconnect();
    this.follower?.disconnect();
    this.theme?.removeEventListener("change", this.redraw);
    this.plot?.destroy();
  }

  get room() {
    return { width: Math.max(this.clientWidth, 200), height: 180 };
  }

  fit() {
    if (this.plot && this.room.width !== this.plot.width) this.plot.setSize(this.room);
  }

  draw() {
    const style = getComputedStyle(this);
    const color = (name) => style.getPropertyValue(name).trim();
    const colors = [color("--accent"), color("--busy"), color("--warn"), color("--bad"), color("--soft")];
    const unit = this.getAttribute("unit");
    const top = this.hasAttribute("top") ? Number(this.getAttribute("top")) : null;
    const axis = { stroke: color("--faint"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    this.plot?.destroy();
    this.plot = new window.uPlot({
      ...this.room,
      // A single moment stands in the middle of two minutes, and not of days.
      scales: { x: { time: this.isTime, range: (_, from, to) => (from === to && this.isTime ? [from - 60, to + 60] : [from, to]) }, y: top === null ? {} : { range: [0, top] } },
      legend: { show: this.names.length > 1 },
      axes: [{
        ...axis,
        space: 70,
        values: (_, ticks) => {
          if (!this.isTime) return ticks;
          const covers = this.values[0].at(-1) - this.values[0][0];
          return ticks.map((tick) => marks(tick, covers));
        },
      }, { ...axis, size: unit.length > 1 ? 78 : 52, values: (_, ticks) => ticks.map((tick) => `${tick} ${unit}`) }],
      series: [
        { label: this.over },
        ...this.names.map((label, at) => ({
          label,
          stroke: this.tones[at] ? color(`--${this.tones[at]}`) : colors[at % colors.length],
          width: 1.5,
          points: this.values[0].length < 25 ? { show: true } : { show: true, size: 5, filter: () => alone(this.values[at + 1]) },
        })),
      ],
    }, this.values, this.box);
  }
}

customElements.define("time-chart", TimeChart);
