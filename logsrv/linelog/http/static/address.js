/** The address of the page, which holds the query, the time and the line: a bookmark saves them, a copy shares them. */

import { address } from "./api.js";
import { byId } from "./dom.js";
import { isPosition } from "./position.js";

/** @typedef {import("./view.js").Request & {last: string, rows: string, columns: string, by: string}} PageState `last`: how far back the histogram goes; `rows`: "2" or "all"; `columns`: fields, separated by commas; `by`: the field of its bars */

const NAMES = /** @type {const} */ (["q", "since", "until", "last", "rows", "columns", "by", "position"]);

/** Let "Alert …" make one of what the address has, whether that is answered or not. */
const leadToAlert = () => byId("alert-link").setAttribute("href", `/alerts?new&${location.search.slice(1)}`);

/** @returns {PageState} */
export function read() {
  leadToAlert();
  const given = new URLSearchParams(location.search);
  const state = Object.fromEntries(NAMES.map((name) => [name, (given.get(name) ?? "").slice(0, 4000)]));
  if (!isPosition(state.position)) state.position = "";
  return /** @type {PageState} */ (state);
}

/**
 * Colons, slashes and commas are allowed in a query, and make positions and names easier to read.
 * @param {Partial<PageState>} state
 */
export const url = (state) =>
  address("/", Object.fromEntries(NAMES.map((name) => [name, state[name]])))
    .replace(/%3A/g, ":").replace(/%2F/g, "/").replace(/%2C/g, ",");

/**
 * @param {Partial<PageState>} state
 * @param {boolean} step add it to the history, so that the browser's back button leads to it
 */
export function write(state, step) {
  const next = url(state);
  if (next === location.pathname + location.search) return;
  if (step) history.pushState({ step: true }, "", next);
  else history.replaceState(history.state, "", next);
  leadToAlert();
}

/** Go back to what was shown before, unless that was another page. */
export function back() {
  if (history.state?.step) history.back();
}
