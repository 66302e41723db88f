// The keyboard: / searches, g and a letter go to a page, j and k move through a table, ? helps.
const TICKED = ["checkbox", "radio"];

function isTyping(element) {
  return element instanceof HTMLElement && !TICKED.includes(element.getAttribute("type"))
    && (element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName));
}

function move(by) {
  const links = [...document.querySelectorAll("main tbody th a, main tbody td:first-child a")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
}

function help() {
  let dialog = document.querySelector("dialog.help");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.className = "help card";
    const lines = [["/", "search"], ["j k", "next and previous row"], ["x", "tick the row"], ["?", "this help"]];
    for (const link of document.querySelectorAll(".side a[data-key]")) {
      lines.push([`g ${link.dataset.key}`, link.textContent.trim().toLowerCase()]);
    }
    const list = document.createElement("dl");
    list.className = "pairs";
    for (const [key, what] of lines) {
      const name = document.createElement("dt");
      name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
      list.append(name, Object.assign(document.createElement("dd"), { textContent: what }));
    }
    const close = Object.assign(document.createElement("button"), { textContent: "Close" });
    close.addEventListener("click", () => dialog.close());
    dialog.append(Object.assign(document.createElement("h2"), { textContent: "Keyboard" }), list, close);
    dialog.setAttribute("aria-label", "Keyboard");
    document.body.append(dialog);
  }
  dialog.showModal();
}

/** Listen to keys that are not typed into a field. */
export function listenToKeys() {
  let goes = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (goes) {
      goes = false;
      document.querySelector(`.side a[data-key="${CSS.escape(event.key)}"]`)?.click();
      return;
    }
    const does = {
      "/": () => document.getElementById("search").focus(),
      "?": help,
      g: () => { goes = true; },
      j: () => move(1),
      k: () => move(-1),
    }[event.key];
    if (does) {
      event.preventDefault();
      does();
    }
  });
}
