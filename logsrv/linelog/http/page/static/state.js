/** The state of the view in words: following, paused, how many lines wait, what is loaded, what is lost. */

import { byId, element } from "./dom.js";
import { counted } from "./times.js";

/** @param {import("./view.js").View} view */
export function showState(view) {
  const pause = byId("pause");
  pause.setAttribute("aria-pressed", String(Boolean(view.paused)));
  const [kind, words] = connection(view);
  const shown = byId("connection");
  shown.className = `connection ${kind}`;
  if (shown.textContent !== words) shown.textContent = words;

  const newer = byId("newer");
  const waiting = view.queue.waiting;
  newer.hidden = !view.paused || !view.ready;
  const text = waiting && view.live ? counted(waiting, "new line") : view.live ? "Follow" : "To now";
  byId("newer-text").textContent = text;

  byId("edge-start").textContent = edge(view);
  empty(view);
}

/**
 * @param {import("./view.js").View} view
 * @returns {[string, string]} the kind, and the words for it
 */
function connection(view) {
  const state = view.stream?.state;
  if (state?.kind === "waiting") return ["lost", `Not connected, trying again. ${state.reason}`];
  if (state?.kind === "resting") return ["still", "Resting while nobody looks"];
  if (state?.kind === "connecting") return ["lost", "Connecting …"];
  if (view.paused) return ["still", view.live ? "Paused" : "History"];
  return state?.kind === "open" ? ["live", "Live"] : ["still", "Stopped"];
}

/** @param {import("./view.js").View} view */
function edge(view) {
  if (view.loading || view.searching) return "Searching …";
  return view.atStart && view.lines.size ? "There is nothing before this." : "";
}

/** @param {import("./view.js").View} view */
function empty(view) {
  const place = byId("empty");
  // Before the server has answered, nothing is known of what there is.
  const is = view.ready && !view.searching && view.lines.size === 0;
  place.hidden = !is;
  const about = `${view.live} ${view.request.q}`;
  if (!is || place.dataset.about === about) return;
  place.dataset.about = about;
  const heading = element("p", "heading", view.request.q || !view.live ? "No line fits" : "Nothing has been logged yet");
  const hint = view.live ? "Lines appear here as they arrive." : "Nothing in this span of time.";
  place.replaceChildren(heading, element("p", "", hint));
}
