// Requests to the API in the name of whoever is signed in.
/** The path below which this server is on its host; mostly empty. */
export const ROOT = document.querySelector("meta[name=root]")?.content ?? "";

const CSRF = document.querySelector("meta[name=csrf]")?.content ?? "";

/** Send a request and return the JSON of its answer; throw the message of a refusal. */
export async function ask(method, path, body) {
  const headers = { "X-Headrace-CSRF": CSRF };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(`${ROOT}/api/v1${path}`, {
    method,
    headers,
    credentials: "same-origin",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const found = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(found?.message ?? `${answer.status} ${answer.statusText}`);
  return found;
}

/** Return the part of a URL of this server that is behind its root, wherever it says it is. */
export function local(url) {
  const parsed = new URL(url);
  return parsed.pathname + parsed.search;
}
