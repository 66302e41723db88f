// What every page has: times that tick, buttons that copy, live parts, and the keyboard.
import { follow } from "./live.js";
import { showTimes } from "./times.js";
import { listenToKeys } from "./keys.js";

function announce(text) {
  document.getElementById("announcer").textContent = text;
}

function showCopies() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element && event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const said = button.textContent;
  button.textContent = "Copied";
  announce("Copied");
  setTimeout(() => { button.textContent = said; }, 1200);
});

// A form that cannot be taken back asks first.
document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLElement} */ (event.target);
  const question = event.submitter?.dataset.ask ?? form.dataset.ask;
  if (question && !window.confirm(question)) event.preventDefault();
});

// On a narrow screen the navigation is longer than it: the page's own entry is in sight.
function showPlace() {
  const entry = document.querySelector(".side [aria-current]");
  const side = entry?.parentElement;
  if (side && side.scrollWidth > side.clientWidth) {
    side.scrollLeft = entry.offsetLeft - (side.clientWidth - entry.offsetWidth) / 2;
  }
}

function show() {
  showCopies();
  showTimes();
}

/** @param {Element} field */
function wasTyped(field) {
  if (field instanceof HTMLSelectElement) {
    const chosen = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(chosen, 0);
  }
  if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
  if (!(field instanceof HTMLInputElement) || field.type === "file") return false;
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

// What was typed before the scripts were there, or filled in again by the browser, is checked too.
document.addEventListener("htmx:after:init", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.getAttribute("hx-trigger")?.includes("input")) return;
  const typed = [...form.querySelectorAll("input, select, textarea")].find(wasTyped);
  typed?.dispatchEvent(new Event("input", { bubbles: true }));
});

document.addEventListener("htmx:after:swap", show);
show();
showPlace();
listenToKeys();
follow();
