/** What is shown, in the address of the page: a bookmark of it is a saved query, a copy of it a link. */

import { isPosition } from "./position.js";

/** @typedef {import("./view.js").Request & {last: string}} Place `last`: how far back the histogram goes */

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
    position: position !== null && isPosition(position) ? position : "",
  };
}

/** @param {Partial<Place>} place */
export function url(place) {
  const given = new URLSearchParams();
  for (const name of /** @type {const} */ (["q", "nodes", "since", "until", "last", "position"])) {
    const value = place[name];
    if (value) given.set(name, value);
  }
  // Colons, slashes and commas are allowed there, and positions and names are easier to read with them.
  const query = given.toString().replace(/%3A/g, ":").replace(/%2F/g, "/").replace(/%2C/g, ",");
  return query ? `/?${query}` : "/";
}

/**
 * @param {Place} place
 * @param {boolean} step a place to come back to with the browser's button
 */
export function write(place, step) {
  const next = url(place);
  if (next === location.pathname + location.search) return;
  if (step) history.pushState(null, "", next);
  else history.replaceState(null, "", next);
}
