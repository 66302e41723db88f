// The page: asks for the token, shows what the endpoint is, and calls it.

const byId = (id) => document.getElementById(id);

const endpointPath = location.pathname.replace(/\/docs\/?$/, "");
const wrappedPath = endpointPath.replace(/[^/]*$/, "v1/$&");

const state = { token: "", described: null, fields: [], language: "curl", waiting: null };

/**
 * Sends a request with the token in its header; redirections are left to the caller.
 * @param {any} [options]
 */
function send(path, options = {}) {
  const headers = { Authorization: `EndpointToken ${state.token}`, ...options.headers };
  /** @type {RequestInit} */
  const policy = { cache: "no-store", credentials: "omit", redirect: "manual" };
  return fetch(path, { ...policy, ...options, headers });
}

// Opening

async function unlock(token) {
  state.token = token;
  showGate("");
  let response;
  try {
    response = await send(`${endpointPath}/openapi.json`);
  } catch (error) {
    return showGate(`The server cannot be reached with this token: ${error.message}.`);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) return showGate(body.message ?? `The server answered ${response.status}.`);
  describe(body);
}

function showGate(problem) {
  byId("gate").hidden = false;
  byId("endpoint").hidden = byId("lock").hidden = true;
  byId("gate-problem").textContent = problem;
  byId("token").focus();
}

function describe(openapi) {
  const [path, { post }] = Object.entries(openapi.paths)[0];
  const { Inputs, Outputs } = openapi.components.schemas;
  const { content } = post.requestBody;
  state.described = {
    openapi,
    url: openapi.servers[0].url + path,
    takesJson: "application/json" in content,
    inputs: fieldsOf(content["multipart/form-data"]?.schema ?? Inputs),
    outputs: fieldsOf(Outputs.properties.outputs),
  };
  byId("name").textContent = openapi.info.title;
  byId("about").textContent = openapi.info.description;
  document.title = `${openapi.info.title} · Headrace`;
  state.fields = state.described.inputs.map(buildField);
  const none = element("p", { class: "hint" }, "This endpoint takes no inputs.");
  byId("fields").replaceChildren(...(state.fields.length ? state.fields.map((f) => f.row) : [none]));
  byId("reset").hidden = !state.fields.length;
  byId("inputs").replaceChildren(inputsTable(state.described.inputs));
  byId("outputs").replaceChildren(
    outputsTable(state.described.outputs), fileNote(state.described.outputs));
  byId("answer").hidden = true;
  byId("gate").hidden = true;
  byId("endpoint").hidden = byId("lock").hidden = false;
  byId("token").value = "";
  showSnippet();
  byId("name").focus();
}

function inputsTable(inputs) {
  return table(["Name", "Type", "Required", "Default"], inputs.map((field) => [
    named(field), field.type, field.isRequired ? "yes" : "no",
    field.defaultText === null ? "none" : element("code", {}, field.defaultText),
  ]));
}

function outputsTable(outputs) {
  return table(["Name", "Type"], outputs.map((field) => [named(field), field.type]));
}

function fileNote(outputs) {
  const file = outputs.find((field) => field.type === "file");
  if (!file || outputs.length === 1) return "";
  return element("p", { class: "hint" }, "A call is answered with the file ",
    element("code", {}, file.name), " itself. For all outputs, call ",
    element("code", {}, wrappedPath), ": each is then an object with a value, or the URL of a file.");
}

function named(field) {
  const parts = [element("code", {}, field.name)];
  if (field.description) parts.push(element("div", { class: "hint" }, field.description));
  return element("div", {}, ...parts);
}

function table(titles, rows) {
  if (!rows.length) return element("p", { class: "hint" }, "None.");
  const head = titles.map((title) => element("th", { scope: "col" }, title));
  const body = rows.map(([first, ...rest]) => element("tr", {},
    element("th", { scope: "row" }, first), ...rest.map((cell) => element("td", {}, cell))));
  return element("table", {},
    element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
}

// Reading the form

/** Returns what the form says and shows what is wrong with it; `broken` are the fields in question. */
function readForm({ showProblems }) {
  const read = { values: [], file: null, broken: [] };
  for (const field of state.fields) {
    try {
      const value = field.read();
      field.showProblem("");
      if (value instanceof File) read.file = { name: field.field.name, filename: value.name, value };
      else if (value !== null) read.values.push([field.field.name, value]);
    } catch (error) {
      if (showProblems) field.showProblem(error.message);
      read.broken.push(field);
    }
  }
  return read;
}

function showSnippet() {
  const { described } = state;
  const read = readForm({ showProblems: false });
  for (const { field } of read.broken) {
    if (field.type === "file") read.file = { name: field.name, filename: `${field.name}.bin` };
    else read.values.push([field.name, field.exampleText]);
  }
  const snippet = SNIPPETS[state.language]({
    url: described.url,
    values: read.values,
    file: read.file,
    isForm: Boolean(read.file) || !described.takesJson,
    answersFile: described.outputs.find((field) => field.type === "file")?.name ?? null,
  });
  byId("code").firstElementChild.textContent = snippet;
}

// Calling

async function call() {
  const read = readForm({ showProblems: true });
  if (read.broken.length) return read.broken[0].focus();
  state.waiting = new AbortController();
  const begin = performance.now();
  const showTime = () => {
    byId("elapsed").textContent = `${((performance.now() - begin) / 1000).toFixed(2)} s`;
  };
  const clock = setInterval(showTime, 100);
  showWaiting(true);
  try {
    await showAnswer(await answerTo(read, state.waiting.signal));
  } catch (error) {
    const stopped = error.name === "AbortError";
    showStatus(stopped ? "No longer waiting" : "No answer", stopped ? "" : "bad");
    const told = stopped ? "The execution goes on if it had begun." : error.message;
    byId("outcome").replaceChildren(element("p", {}, told));
  } finally {
    clearInterval(clock);
    showTime();
    showWaiting(false);
  }
}

/**
 * Calls the endpoint and returns the response that ends it.
 *
 * It asks to be answered at once and gets the outputs by itself, as a browser that follows
 * redirections would give up after twenty, and write the token into URLs.
 */
async function answerTo(read, signal) {
  const headers = { Prefer: "respond-async" };
  let body;
  if (read.file || !state.described.takesJson) {
    body = new FormData();
    for (const [name, json] of read.values) body.append(name, json);
    if (read.file) body.append(read.file.name, read.file.value);
  } else {
    headers["Content-Type"] = "application/json";
    body = objectText(read.values);
  }
  const accepted = await send(endpointPath, { method: "POST", headers, body, signal });
  if (accepted.status !== 202) return accepted;
  const { execution_id: id } = await accepted.json();
  for (;;) {
    const response = await send(`${wrappedPath}/executions/${id}`, { signal });
    if (response.type !== "opaqueredirect") return response;
  }
}

function showWaiting(isWaiting) {
  byId("send").disabled = isWaiting;
  byId("stop").hidden = !isWaiting;
  if (!isWaiting) return;
  byId("answer").hidden = false;
  byId("outcome").replaceChildren();
  showStatus("Running…", "");
}

// Wiring

/**
 * @param {string} name
 * @param {{ focus?: boolean }} [how]
 */
function chooseLanguage(name, { focus } = {}) {
  state.language = name;
  for (const tab of byId("languages").children) {
    const isChosen = tab.textContent === name;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    if (isChosen) byId("code").setAttribute("aria-labelledby", tab.id);
    if (isChosen && focus) tab.focus();
  }
  if (state.described) showSnippet();
}

function addLanguages() {
  const names = Object.keys(SNIPPETS);
  byId("languages").append(...names.map((name, index) => {
    const tab = element("button", {
      type: "button", role: "tab", id: `tab-${index}`, "aria-controls": "code",
    }, name);
    tab.addEventListener("click", () => chooseLanguage(name));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) chooseLanguage(names.at((index + step) % names.length), { focus: true });
    });
    return tab;
  }));
  chooseLanguage(names[0]);
}

async function copyCode() {
  const button = byId("copy");
  try {
    await navigator.clipboard.writeText(byId("code").textContent);
    button.textContent = "Copied";
  } catch {
    // Only pages on https or on this machine may write to the clipboard, so the reader does.
    getSelection().selectAllChildren(byId("code"));
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function saveDocument() {
  const text = JSON.stringify(state.described.openapi, null, 2);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  element("a", { href: url, download: `${state.described.openapi.info.title}.openapi.json` }).click();
}

byId("address").textContent = `POST ${endpointPath}`;
byId("gate").addEventListener("submit", (event) => {
  event.preventDefault();
  unlock(byId("token").value.trim());
});
byId("lock").addEventListener("click", () => location.reload());
byId("call").addEventListener("submit", (event) => {
  event.preventDefault();
  call();
});
byId("call").addEventListener("input", showSnippet);
byId("call").addEventListener("reset", () => setTimeout(showSnippet));
byId("stop").addEventListener("click", () => state.waiting?.abort());
byId("copy").addEventListener("click", copyCode);
byId("document").addEventListener("click", saveDocument);
addLanguages();

const given = new URLSearchParams(location.hash.slice(1)).get("token");
// Out of the address bar and the history as soon as it is read.
if (given) history.replaceState(null, "", location.pathname);
if (given) unlock(given);
else showGate("");
