// The call that the form describes, as code to copy. The token is never part of it.
//
// A call has: url, values (pairs of a name and a JSON text), file (its input and file name, or
// null), isForm (whether it is sent as a form), and answersFile (an output's name, or null).

const TOKEN = "EndpointToken <ENDPOINT_TOKEN>";

const SNIPPETS = { curl: curlSnippet, Python: pythonSnippet, JavaScript: javascriptSnippet };

function curlSnippet(call) {
  const options = [`--header ${shellText(`Authorization: ${TOKEN}`)}`];
  if (call.isForm) {
    for (const [name, json] of call.values) {
      options.push(`--form-string ${shellText(`${name}=${json}`)}`);
    }
    if (call.file) {
      const path = call.file.filename.replace(/["\\]/g, "\\$&");
      options.push(`--form ${shellText(`${call.file.name}=@"${path}"`)}`);
    }
  } else {
    options.push(`--header ${shellText("Content-Type: application/json")}`);
    options.push(`--data ${shellText(objectText(call.values))}`);
  }
  if (call.answersFile) options.push(`--output ${shellText(call.answersFile)}`);
  return `curl --location ${shellText(call.url)} \\\n  ${options.join(" \\\n  ")}`;
}

function pythonSnippet(call) {
  const lines = ["import requests", "", "response = requests.post("];
  lines.push(`    ${pythonString(call.url)},`);
  lines.push(`    headers={"Authorization": ${pythonString(TOKEN)}},`);
  if (call.isForm) {
    if (call.values.length) {
      const parts = call.values.map(([name, json]) =>
        `        ${pythonString(name)}: ${pythonString(json)},`);
      lines.push("    data={", ...parts, "    },");
    }
    if (call.file) {
      const path = pythonString(call.file.filename);
      lines.push(`    files={${pythonString(call.file.name)}: open(${path}, "rb")},`);
    }
  } else {
    lines.push(`    json=${pythonText(pythonObject(call.values))},`);
  }
  lines.push(")", "response.raise_for_status()");
  lines.push(...(call.answersFile
    ? [`with open(${pythonString(call.answersFile)}, "wb") as file:`, "    file.write(response.content)"]
    : ['print(response.json()["outputs"])']));
  return lines.join("\n");
}

function javascriptSnippet(call) {
  const lines = [];
  if (call.isForm) {
    lines.push("const form = new FormData();");
    for (const [name, json] of call.values) {
      lines.push(`form.append(${JSON.stringify(name)}, ${JSON.stringify(json)});`);
    }
    if (call.file) {
      lines.push('const file = document.querySelector("input[type=file]").files[0];');
      lines.push(`form.append(${JSON.stringify(call.file.name)}, file);`);
    }
  }
  lines.push(`const response = await fetch(${JSON.stringify(call.url)}, {`, '  method: "POST",');
  lines.push("  headers: {", `    "Authorization": ${JSON.stringify(TOKEN)},`);
  if (!call.isForm) lines.push('    "Content-Type": "application/json",');
  lines.push("  },");
  const body = call.isForm ? "form" : `JSON.stringify(${objectText(call.values)})`;
  lines.push(`  body: ${body},`, "});");
  lines.push("if (!response.ok) throw new Error((await response.json()).message);");
  lines.push(...(call.answersFile
    ? ["const answer = await response.blob();"]
    : ["const { outputs } = await response.json();", "console.log(outputs);"]));
  return lines.join("\n");
}

function pythonObject(pairs) {
  if (!pairs.length) return "{}";
  const lines = pairs.map(([name, json]) => `        ${JSON.stringify(name)}: ${json},`);
  return ["{", ...lines, "    }"].join("\n");
}

function shellText(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// A string of JSON is one of Python too.
function pythonString(text) {
  return JSON.stringify(text);
}
