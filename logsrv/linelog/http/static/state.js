/** The state of the view in words: following or paused, waiting lines, the ends of the list, the connection. */

import { byId, element, sayOnce } from "./dom.js";
import { orderOf } from "./stages.js";
import { printable } from "./text.js";
import { counted, moment, number, recordsAndLines } from "./times.js";

/** @typedef {{trouble: string, wrong: boolean, answered: string | null, asking: boolean}} Fault trouble: the reason why the server stores nothing, or "". wrong: the query is. answered: the one whose answer is shown; null: none. asking: another one is asked for */

/**
 * @param {import("./view.js").View} view
 * @param {Fault} fault
 */
export function showState(view, fault) {
  const { wrong, answered } = fault;
  document.body.classList.toggle("refused", wrong && answered !== null);
  const last = answered ? `the answer to ${printable(answered)}` : "all lines";
  sayOnce("query-answer", wrong && answered !== null ? `Dimmed below: ${last}` : "");

  const [kind, words] = connection(view, fault);
  byId("connection").className = `connection ${kind}`;
  sayOnce("connection", words);

  const waiting = view.live ? view.queue.waiting : 0;
  pause(view, waiting, fault);
  const newer = byId("newer");
  newer.hidden = !view.paused || !view.ready || wrong;
  const now = view.kind === "lines" ? "To now" : "Ask again";
  byId("newer-text").textContent = waiting ? counted(waiting, "new line") : view.live ? "Follow" : now;

  const note = edge(view);
  const above = byId("edge-start");
  if (above.textContent !== note) view.changeAbove(() => above.textContent = note);
  showListed(view);
}

/**
 * Show how many records and lines are in the page, unless each row is a line: so few rows are no fault.
 * @param {import("./view.js").View} view
 */
export function showListed(view) {
  const found = view.lines.count();
  byId("listed").textContent = found.records === found.lines ? "" : `listed${view.isWhole ? "" : " so far"}: ${recordsAndLines(found)}`;
}

/**
 * @param {import("./view.js").View} view
 * @param {number} waiting
 * @param {Fault} fault
 */
function pause(view, waiting, { wrong, answered }) {
  const button = byId("pause");
  const paused = Boolean(view.paused) || wrong;
  button.setAttribute("aria-pressed", String(paused));
  const waits = paused && waiting && !wrong ? ` (${number(waiting)})` : "";
  const words = /** @type {HTMLElement} */ (button.querySelector("span"));
  const [verb, title] = wrong
    ? answered !== null ? ["Back", "Back to the query of these lines"] : ["All lines", "Show all lines"]
    : view.kind !== "lines" || (view.cancelled && answered === null) ? ["Ask again", "Ask the same again"]
    : !paused ? ["Pause", "Pause"]
    : ["Resume", waits ? `Show the ${counted(waiting, "line")} that arrived meanwhile` : "To the newest lines"];
  words.replaceChildren(verb, element("span", "count", waits));
  button.classList.toggle("back", wrong);
  button.title = `${title} (space)`;
}

/**
 * @param {import("./view.js").View} view
 * @param {Fault} fault
 * @returns {[string, string]} the kind, which is a class name, and the words for it
 */
function connection(view, { trouble, wrong, answered, asking }) {
  const state = view.stream?.state;
  if (state?.kind === "waiting") return ["lost", `Not connected since ${moment(new Date(view.stream?.lost ?? 0))}, trying again. ${state.reason}`];
  if (wrong) return ["still", answered !== null ? "Wrong query: last answer" : "Wrong query"];
  if (state?.kind === "resting") return ["still", "Resting while nobody looks"];
  if (state?.kind === "connecting" || (asking && answered === null)) return ["connecting", "Connecting …"];
  if (view.cancelled && answered === null) return ["still", "Search cancelled"];
  if (trouble) return ["lost", "Connected; lines are not being stored"];
  // "Sorted by …" of `sort`, "Chosen at random" of `sample`.
  if (view.kind === "ordered") return ["still", `Not live: ${orderOf(view.request.q).order.split(" ")[0].toLowerCase()} lines`];
  if (view.kind !== "lines") return ["still", { limit: "Not live: so many lines", table: "Not live: figures" }[view.kind]];
  if (view.paused) return ["still", view.live ? "Paused" : "History"];
  return state?.kind === "open" ? ["live", "Live"] : ["still", "Not connected"];
}

/** @param {import("./view.js").View} view */
function edge(view) {
  if (view.loading || view.searching) return "Searching …";
  if (view.cancelled && view.ready) return "The search was cancelled: older lines may match.";
  if (view.kind === "ordered") return view.lines.size ? `${orderOf(view.request.q).order} ${counted(view.lines.size, "line")}. New lines are not added.` : "";
  if (view.kind === "limit") return view.lines.size ? `The ${view.request.until ? "oldest" : "newest"} ${counted(view.lines.size, "line")} when asked. New lines are not added.` : "";
  if (view.halted && !view.atStart && view.lines.size) return "Older lines are not loaded: scroll up, or press Page Up.";
  if (!view.atStart || !view.lines.size) return "";
  return view.request.since ? `There is nothing before this in ${byId("lines").dataset.scope}.` : "There is nothing before this.";
}
