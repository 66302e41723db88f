// A folder is sent without what tools keep for themselves, so that it is not carried in vain.
const TOOLS = new Set([
  ".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".eggs", ".ipynb_checkpoints",
  "__pycache__", "node_modules", "headrace.toml",
]);

function isWanted(file) {
  const path = file.webkitRelativePath || file.name;
  return !path.split("/").some((part) => TOOLS.has(part));
}

class SendFolder extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    const files = form.querySelector("input[name=files]");
    const archive = form.querySelector("input[name=archive]");
    const said = form.querySelector(".sending");
    files.addEventListener("change", () => {
      if (files.files.length) archive.value = "";
      const wanted = [...files.files].filter(isWanted);
      const bytes = wanted.reduce((sum, file) => sum + file.size, 0);
      said.textContent = files.files.length
        ? `${wanted.length} of ${files.files.length} files, ${Math.ceil(bytes / 1000).toLocaleString("en")} kB`
        : "";
    });
    archive.addEventListener("change", () => {
      if (archive.files.length) { files.value = ""; said.textContent = ""; }
    });
    form.addEventListener("formdata", (event) => {
      const sent = event.formData;
      sent.delete("files");
      for (const file of [...files.files].filter(isWanted)) {
        sent.append("files", file, file.webkitRelativePath || file.name);
      }
    });
  }
}

customElements.define("send-folder", SendFolder);
