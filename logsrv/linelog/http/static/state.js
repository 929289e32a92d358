/** The state of the view in words: following or paused, waiting lines, the ends of the list, the connection. */

import { byId, element, sayOnce } from "./dom.js";
import { counted, moment, number } from "./times.js";

/**
 * @param {import("./view.js").View} view
 * @param {string} trouble the reason why the server stores nothing, or ""
 */
export function showState(view, trouble) {
  const [kind, words] = connection(view, trouble);
  byId("connection").className = `connection ${kind}`;
  sayOnce("connection", words);

  const waiting = view.live ? view.queue.waiting : 0;
  pause(view, waiting);
  const newer = byId("newer");
  newer.hidden = !view.paused || !view.ready;
  const now = view.kind === "lines" ? "To now" : "Ask again";
  byId("newer-text").textContent = waiting ? counted(waiting, "new line") : view.live ? "Follow" : now;

  byId("edge-start").textContent = edge(view);
  empty(view);
}

/**
 * @param {import("./view.js").View} view
 * @param {number} waiting
 */
function pause(view, waiting) {
  const button = byId("pause");
  const paused = Boolean(view.paused);
  button.setAttribute("aria-pressed", String(paused));
  const waits = paused && waiting ? ` (${number(waiting)})` : "";
  const words = /** @type {HTMLElement} */ (button.querySelector("span"));
  words.replaceChildren(view.kind !== "lines" ? "Ask again" : paused ? "Resume" : "Pause", element("span", "count", waits));
  const title = view.kind !== "lines" ? "Ask the same again" : !paused ? "Pause" : waits ? `Show the ${counted(waiting, "line")} that arrived meanwhile` : "To the newest lines";
  button.title = `${title} (space)`;
}

/**
 * @param {import("./view.js").View} view
 * @param {string} trouble
 * @returns {[string, string]} the kind, which is a class name, and the words for it
 */
function connection(view, trouble) {
  const state = view.stream?.state;
  if (state?.kind === "waiting") return ["lost", `Not connected since ${moment(new Date(view.stream?.lost ?? 0))}, trying again. ${state.reason}`];
  if (state?.kind === "resting") return ["still", "Resting while nobody looks"];
  if (state?.kind === "connecting" || (view.opening && !view.stream && !view.ready && !view.searching)) return ["connecting", "Connecting …"];
  if (trouble) return ["lost", "Connected; lines are not being stored"];
  if (view.kind !== "lines") return ["still", { sort: "Not live: sorted lines", limit: "Not live: so many lines", table: "Not live: figures" }[view.kind]];
  if (view.paused) return ["still", view.live ? "Paused" : "History"];
  return state?.kind === "open" ? ["live", "Live"] : ["still", "Stopped"];
}

/** @param {import("./view.js").View} view */
function edge(view) {
  if (view.loading || view.searching) return "Searching …";
  if (view.kind === "sort") return view.lines.size ? `Sorted by their number, the first ${counted(view.lines.size, "line")}. New lines are not added.` : "";
  if (view.kind === "limit") return view.lines.size ? `The ${view.request.until ? "oldest" : "newest"} ${counted(view.lines.size, "line")} when asked. New lines are not added.` : "";
  if (!view.atStart || !view.lines.size) return "";
  return view.request.since ? `There is nothing before this in ${byId("lines").dataset.scope}.` : "There is nothing before this.";
}

/** @param {import("./view.js").View} view */
function empty(view) {
  const place = byId("empty");
  // Before the server has answered, it is not known whether there are lines.
  const is = view.ready && !view.searching && !view.lines.log.childElementCount;
  place.hidden = !is;
  const { q, since } = view.request;
  const { scope } = byId("lines").dataset;
  const about = `${view.live} ${q} ${scope}`;
  if (!is || place.dataset.about === about) return;
  place.dataset.about = about;
  const heading = element("p", "heading", q || !view.live ? "No line fits" : since ? "No lines" : "Nothing has been logged yet");
  const nothing = view.kind === "sort" ? `Nothing in ${scope} has a number to sort by.` : `Nothing in ${scope}.`;
  const hint = [nothing, view.live && "Lines appear here as they arrive."].filter(Boolean).join(" ");
  place.replaceChildren(heading, element("p", "", hint));
}
