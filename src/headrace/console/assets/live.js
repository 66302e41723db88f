// Live parts: the server says that something changed, and the page asks for itself anew.
import { ROOT } from "./api.js";

const PAUSE_MS = 1000;

/** Tell the page's live parts of changes, at most once a second, and never while nobody looks. */
export function follow() {
  const revision = document.getElementById("main")?.dataset.revision;
  if (!revision || !document.querySelector("[hx-trigger*='changed']")) return;
  let isDue = false;
  let waits = false;
  const tell = () => {
    isDue = true;
    if (waits || document.hidden) return;
    isDue = false;
    waits = true;
    document.body.dispatchEvent(new CustomEvent("changed"));
    setTimeout(() => { waits = false; if (isDue) tell(); }, PAUSE_MS);
  };
  // The browser connects again by itself, and says which change it heard of last. What changed
  // between this page and the first connection is told by the page's own revision.
  const source = new EventSource(`${ROOT}/events?known=${encodeURIComponent(revision)}`);
  source.addEventListener("changed", tell);
  // What the machine does is no change of anything on record: a page that shows it looks again.
  const every = Number(document.querySelector("[data-look-again]")?.getAttribute("data-look-again"));
  if (every > 0) setInterval(tell, every * 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tell(); });
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}
