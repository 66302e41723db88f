// The answer to a call: what came of it, its outputs, its files.

function showStatus(text, kind) {
  byId("status").textContent = text;
  byId("status").className = `status ${kind}`;
}

async function showAnswer(response) {
  const text = await response.text();
  const body = parseExactly(text);
  if (!response.ok) {
    showStatus(`${response.status} ${body.name ?? ""}`, "bad");
    const facts = body.additional_data ? [["details", body.additional_data]] : [];
    byId("outcome").replaceChildren(
      element("p", {}, body.message ?? text), ...facts.map(([name, value]) => shown(name, value)));
    return;
  }
  showStatus(`${response.status} OK`, "good");
  const results = Object.entries(body.outputs).map(([name, output]) =>
    "url" in output ? shownFile(name, output.url, body.execution_id) : shown(name, output.value));
  const none = element("p", { class: "hint" }, "This endpoint answers without outputs.");
  const id = element("p", { class: "hint" }, "Execution ", element("code", {}, body.execution_id));
  byId("outcome").replaceChildren(...(results.length ? results : [none]), id);
}

function shown(name, value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return element("div", { class: "output" },
    element("code", {}, name), element("pre", { tabindex: 0, "data-output": name }, text));
}

function shownFile(name, url, executionId) {
  if (url === null) return shown(name, null);
  const button = element("button", { type: "button", class: "quiet" }, `Get the file ${name}`);
  const part = element("div", { class: "output", "data-output": name }, element("code", {}, name), button);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      part.append(await downloadLink(name, executionId));
      button.remove();
      part.querySelector("a").click();
    } catch (error) {
      button.disabled = false;
      part.append(element("p", { class: "problem", role: "alert" }, error.message));
    }
  });
  return part;
}

async function downloadLink(name, executionId) {
  const path = `${wrappedPath}/executions/${executionId}/outputs/${encodeURIComponent(name)}`;
  const response = await send(path);
  if (response.status !== 200) throw new Error("The file is no longer there.");
  const disposition = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=UTF-8''([^;]+)/.exec(disposition)?.[1];
  const filename = encoded ? decodeURIComponent(encoded) : name;
  const blob = await response.blob();
  const text = `${filename} (${sizeText(blob.size)})`;
  return element("a", { href: URL.createObjectURL(blob), download: filename }, text);
}
