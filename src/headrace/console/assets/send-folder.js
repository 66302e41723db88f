// A folder is sent without what its ignore files name and what tools made: the server, asked with
// the paths and the ignore files, says which that is, before a single file travels.

import { ROOT } from "./api.js";

/** The path of a file in the folder that was chosen, without the name of that folder. */
function pathOf(file) {
  const path = file.webkitRelativePath || file.name;
  return path.includes("/") ? path.slice(path.indexOf("/") + 1) : path;
}

/** The first part of a path that is one of the names, with what is before it; or nothing. */
function upTo(path, names) {
  const parts = path.split("/");
  const at = parts.findIndex((part) => names.has(part));
  return at < 0 ? "" : parts.slice(0, at + 1).join("/");
}

function stays(path, out) {
  if (out.has(path)) return true;
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    if (out.has(path.slice(0, at + 1))) return true;
  }
  return false;
}

class SendFolder extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.files = /** @type {HTMLInputElement} */ (this.form.querySelector("input[name=files]"));
    this.said = this.form.querySelector(".sending");
    this.leftOut = this.form.querySelector(".left-out");
    this.wanted = [];
    this.asking = null;
    const archive = /** @type {HTMLInputElement} */ (this.form.querySelector("input[name=archive]"));
    this.files.addEventListener("change", () => {
      if (this.files.files.length) archive.value = "";
      this.begin();
    });
    archive.addEventListener("change", () => {
      if (archive.files.length) { this.files.value = ""; this.begin(); }
    });
    this.form.addEventListener("submit", async (event) => {
      if (!this.asking) return;
      event.preventDefault();
      await this.asking;
      this.form.requestSubmit();
    });
    this.form.addEventListener("formdata", (event) => {
      const sent = event.formData;
      sent.delete("files");
      for (const file of this.wanted) sent.append("files", file, file.webkitRelativePath || file.name);
    });
    this.begin();
  }

  /** Ask about the files that are chosen now; an answer that comes after another choice is dropped. */
  begin() {
    const chosen = [...this.files.files];
    this.wanted = chosen;
    this.leftOut.replaceChildren();
    this.said.textContent = chosen.length ? "Asking what of it is to be sent…" : "";
    const asking = chosen.length ? this.judge(chosen).finally(() => {
      if (this.asking === asking) this.asking = null;
    }) : null;
    this.asking = asking;
  }

  async judge(chosen) {
    const tools = new Set(this.getAttribute("tools").split(" "));
    const paths = new Set();
    let wanted = [];
    for (const file of chosen) {
      const tool = upTo(pathOf(file), tools);
      if (!tool) wanted.push(file);
      // A tool's folder is named once, whatever is in it.
      paths.add(tool && tool !== pathOf(file) ? `${tool}/` : pathOf(file));
    }
    let said = "";
    try {
      const parts = await this.ask([...paths], await this.texts(chosen));
      if (this.wanted !== chosen) return;
      const out = new Set([...parts.querySelectorAll("[data-path]")].map(
        (one) => /** @type {HTMLElement} */ (one).dataset.path,
      ));
      wanted = wanted.filter((file) => !stays(pathOf(file), out));
      this.leftOut.replaceChildren(...parts.children);
    } catch (error) {
      if (this.wanted !== chosen) return;
      said = ` ${error.message}`;
    }
    const bytes = wanted.reduce((sum, file) => sum + file.size, 0);
    this.wanted = wanted;
    this.said.textContent = `${wanted.length} of ${chosen.length} files, `
      + `${Math.ceil(bytes / 1000).toLocaleString("en")} kB.${said}`;
  }

  /** The texts of the ignore files, by their paths. */
  async texts(chosen) {
    const names = this.getAttribute("ignore-files").split(" ");
    const tools = new Set(this.getAttribute("tools").split(" "));
    const found = {};
    for (const file of chosen) {
      const path = pathOf(file);
      const isOne = names.includes(path)
        || (names.includes(path.slice(path.lastIndexOf("/") + 1)) && !upTo(path, tools));
      if (isOne) found[path] = await file.text();
    }
    return found;
  }

  async ask(paths, texts) {
    const form = new FormData();
    form.append("csrf", /** @type {HTMLInputElement} */ (this.form.elements.namedItem("csrf"))?.value ?? "");
    form.append("paths", JSON.stringify(paths));
    form.append("ignore_files", JSON.stringify(texts));
    const answer = await fetch(`${ROOT}/pipelines/new/left-out`, {
      method: "POST", body: form, credentials: "same-origin", headers: { Accept: "text/html" },
    });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok) return found.body;
    throw new Error(found.querySelector("[role=alert]")?.textContent.trim()
      ?? `${answer.status} ${answer.statusText}`);
  }
}

customElements.define("send-folder", SendFolder);
