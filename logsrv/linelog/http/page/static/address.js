/** The address of the page, which holds the query, the time and the line: a bookmark saves them, a copy shares them. */

import { isPosition } from "./position.js";

/** @typedef {import("./view.js").Request & {last: string, rows: string, columns: string, by: string}} Place `last`: how far back the histogram goes; `rows`: "2" or "all"; `columns`: fields, separated by commas; `by`: the field of its bars */

/** @returns {Place} */
export function read() {
  const given = new URLSearchParams(location.search);
  const text = (/** @type {string} */ name) => (given.get(name) ?? "").slice(0, 4000);
  const position = given.get("position");
  return {
    q: text("q"),
    nodes: text("nodes"),
    since: text("since"),
    until: text("until"),
    last: text("last"),
    rows: text("rows"),
    columns: text("columns"),
    by: text("by"),
    position: position !== null && isPosition(position) ? position : "",
  };
}

/** @param {Partial<Place>} place */
export function url(place) {
  const given = new URLSearchParams();
  for (const name of /** @type {const} */ (["q", "nodes", "since", "until", "last", "rows", "columns", "by", "position"])) {
    const value = place[name];
    if (value) given.set(name, value);
  }
  // Colons, slashes and commas are allowed in a query, and make positions and names easier to read.
  const query = given.toString().replace(/%3A/g, ":").replace(/%2F/g, "/").replace(/%2C/g, ",");
  return query ? `/?${query}` : "/";
}

/**
 * @param {Partial<Place>} place
 * @param {boolean} step add it to the history, so that the browser's back button leads to it
 */
export function write(place, step) {
  const next = url(place);
  if (next === location.pathname + location.search) return;
  if (step) history.pushState({ step: true }, "", next);
  else history.replaceState(history.state, "", next);
}

/**
 * Let the way back lead to a line of the present place.
 * @param {Place} place
 * @param {string} position of the line
 */
export function leaveAt(place, position) {
  history.replaceState(history.state, "", url({ ...place, position }));
}

/** Go back to what was shown before, unless that was another page. */
export function back() {
  if (history.state?.step) history.back();
}
