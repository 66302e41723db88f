// Ticks in the list of executions: all of the page, how many there are, and x on the keyboard.
const form = document.querySelector("form.ticks");
const counter = document.getElementById("ticked");

function boxes() {
  return [...form.querySelectorAll("tbody input[type=checkbox]")];
}

function show() {
  const ticked = boxes().filter((box) => box.checked).length;
  counter.textContent = ticked ? `With ${ticked} ticked:` : "With those that are ticked:";
  for (const button of form.querySelectorAll(".bar button")) button.disabled = !ticked;
  const all = form.querySelector("thead input");
  if (!all) return;
  all.checked = ticked > 0 && ticked === boxes().length;
  all.indeterminate = ticked > 0 && !all.checked;
}

// The head's box is of the browser alone: without a script it could do nothing.
function addHead() {
  const cell = form.querySelector("thead th");
  if (!cell || cell.querySelector("input")) return;
  const all = Object.assign(document.createElement("input"), { type: "checkbox" });
  all.setAttribute("aria-label", "Tick all of this page");
  cell.replaceChildren(all);
}

form.addEventListener("change", (event) => {
  if (event.target.closest("thead")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  show();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = document.activeElement?.closest("tbody tr")?.querySelector("input[type=checkbox]");
  if (!box || document.activeElement === box) return;
  event.preventDefault();
  box.click();
});

function ready() {
  addHead();
  show();
}

document.addEventListener("htmx:after:swap", ready);
window.addEventListener("pageshow", ready);
ready();
