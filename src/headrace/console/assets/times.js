// Times in words that stay true, in UTC or in the zone of the reader.
const CHOICE = "headrace-times";
/** @type {[number, string][]} */
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** A duration in seconds, in its two largest units; the server says it in the same way. */
export function span(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  for (let at = 0; at < 3; at += 1) {
    const [size, unit] = UNITS[at];
    const [lower, lesser] = UNITS[at + 1];
    if (seconds >= size) {
      const more = Math.floor(seconds / size);
      const less = Math.floor((seconds - more * size) / lower);
      return less && more < 10 ? `${more} ${unit} ${less} ${lesser}` : `${more} ${unit}`;
    }
  }
  return `${Math.round(seconds)} s`;
}

/** Whether times are shown in the zone of the reader. */
export function isLocal() {
  return localStorage.getItem(CHOICE) === "local";
}

function exact(moment) {
  if (isLocal()) {
    return moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
  return `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Bring all times on the page up to date. */
export function showTimes() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    const seconds = (now - moment.getTime()) / 1000;
    element.title = exact(moment);
    if (element.classList.contains("exact")) {
      element.textContent = element.title;
    } else if (element.classList.contains("elapsed")) {
      element.textContent = span(Math.max(seconds, 0));
    } else {
      const text = span(Math.abs(seconds));
      element.textContent = Math.abs(seconds) < 1 ? "now" : seconds > 0 ? `${text} ago` : `in ${text}`;
    }
  }
  const choice = document.getElementById("times");
  if (!choice) return;
  choice.hidden = false;
  choice.textContent = isLocal() ? "Times: local" : "Times: UTC";
}

document.getElementById("times")?.addEventListener("click", () => {
  localStorage.setItem(CHOICE, isLocal() ? "utc" : "local");
  showTimes();
});

setInterval(() => { if (!document.hidden) showTimes(); }, 1000);
