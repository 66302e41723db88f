// Values as JSON text. They stay text from the form to the wire, so that no digit is lost.

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Returns the value of a JSON text, its numbers as they were written where the browser can. */
function parseExactly(text) {
  if (typeof JSON.rawJSON !== "function") return JSON.parse(text);
  return JSON.parse(text, (key, value, context) =>
    typeof value === "number" && context?.source ? JSON.rawJSON(context.source) : value);
}

/** Returns the JSON text of an object, from pairs of a name and a JSON text. */
function objectText(pairs) {
  return `{${pairs.map(([name, json]) => `${JSON.stringify(name)}: ${json}`).join(", ")}}`;
}

/** Returns a Python expression for a JSON text. */
function pythonText(json) {
  const words = { true: "True", false: "False", null: "None" };
  return json.replace(/"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b/g, (part) => words[part] ?? part);
}

/** Returns a size in bytes as people read it. */
function sizeText(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  let size = bytes;
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${unit ? size.toFixed(1) : size} ${units[unit]}`;
}
