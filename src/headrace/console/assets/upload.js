// Uploads of many and large files, in parts: an upload that broke off goes on where it was.
import { ask, local } from "./api.js";

const PART_BYTES = 16 * 1024 * 1024;
const TRIES = 5;
const STORED = "headrace-upload:";

function known(key) {
  try {
    return JSON.parse(localStorage.getItem(STORED + key));
  } catch {
    return null;
  }
}

/** Send bytes and return the ETag that they were answered with, telling how far it is. */
function put(url, bytes, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.getResponseHeader("ETag"));
      else reject(new Error(`${request.status} ${request.statusText}`));
    });
    request.addEventListener("error", () => reject(new Error("the connection broke")));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(bytes);
  });
}

async function again(work, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || tries >= TRIES) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 500 * 2 ** tries); });
    }
  }
}

async function begin(path, key) {
  const before = known(key);
  if (before) return before;
  const { multipart_upload_id: id } = await ask(
    "POST", "/data-store/upload/multipart", { path_to_object: path },
  );
  return { id, parts: [] };
}

async function send(file, path, onProgress, signal) {
  const key = `${path}:${file.size}:${file.lastModified}`;
  const state = await begin(path, key);
  const configuration = { multipart_upload_id: state.id };
  const count = Math.max(Math.ceil(file.size / PART_BYTES), 1);
  try {
    for (let number = state.parts.length + 1; number <= count; number += 1) {
      const from = (number - 1) * PART_BYTES;
      const bytes = file.slice(from, from + PART_BYTES);
      const last = number === count ? { size: file.size } : {};
      const etag = await again(async () => {
        const { signed_url: url } = await ask("POST", "/data-store/upload/multipart/part", {
          path_to_object: path,
          part_number: number,
          chunk_size: PART_BYTES,
          multipart_upload_configuration: configuration,
          ...last,
        });
        return put(local(url), bytes, (sent) => onProgress(from + sent), signal);
      }, signal);
      state.parts.push({ number, metadata: etag });
      localStorage.setItem(STORED + key, JSON.stringify(state));
    }
    await ask("POST", "/data-store/upload/multipart/end", {
      path_to_object: path,
      parts: state.parts,
      size: file.size,
      multipart_upload_configuration: configuration,
    });
    localStorage.removeItem(STORED + key);
  } catch (error) {
    // What was begun is not there any more: the next try begins anew.
    if (/no upload/i.test(error.message)) localStorage.removeItem(STORED + key);
    throw error;
  }
}

class UploadFiles extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    const input = form.querySelector("input[type=file]");
    form.querySelector(".path").hidden = true;
    form.querySelector(".path input").required = false;
    form.querySelector("label[for=file]").textContent = "Files, chosen or dropped here";
    input.multiple = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start([...input.files]);
      form.reset();
    });
    this.addEventListener("dragover", (event) => { event.preventDefault(); });
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      this.start([...event.dataTransfer.files]);
    });
  }

  async start(files) {
    let failed = 0;
    for (const file of files) {
      if (!await this.one(file)) failed += 1;
    }
    if (!failed) window.location.reload();
  }

  async one(file) {
    const folder = this.getAttribute("folder");
    const path = (folder ? `${folder}/` : "") + file.name;
    const stop = new AbortController();
    const line = document.createElement("li");
    const name = Object.assign(document.createElement("span"), { textContent: file.name });
    const bar = Object.assign(document.createElement("progress"), { max: file.size || 1, value: 0 });
    bar.setAttribute("aria-label", `Upload of ${file.name}`);
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Stop" });
    button.addEventListener("click", () => stop.abort());
    line.append(name, bar, button);
    this.querySelector(".uploads").append(line);
    try {
      await send(file, path, (sent) => { bar.value = sent; }, stop.signal);
      bar.value = bar.max;
      button.remove();
      return true;
    } catch (error) {
      line.append(Object.assign(document.createElement("span"), {
        className: "bad-text",
        textContent: stop.signal.aborted
          ? "Stopped. Choose the file again to go on where it was."
          : `Not uploaded: ${error.message} Choose the file again to go on where it was.`,
      }));
      button.remove();
      return false;
    }
  }
}

customElements.define("upload-files", UploadFiles);
