/** A line's neighbours in the store, whether they match the query or not: those of all sources, and those of its own. */

import { all, search } from "./api.js";
import { button, cell, element } from "./dom.js";
import { insert } from "./lines_added.js";
import { attempt } from "./notice.js";
import { compare } from "./position.js";
import { withTerm } from "./query.js";
import { select } from "./selection.js";
import { hostnameOf, originOf } from "./summary.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./view.js").View} View */
/** @typedef {"before" | "after"} Side */
/** @typedef {{position: string, isLast: boolean}} End the furthest shown neighbour on a side, or the line itself; isLast: the store has no further one */
/** @typedef {Record<Side, {any: End, own: End}>} Reach what is shown around a line: of any source, and of its own */

/** Neighbours on each side: at first, and further ones with each click. */
const NEAR = 5;
const FURTHER = 20;
/** @type {Side[]} */
const SIDES = ["before", "after"];
/** @type {WeakMap<HTMLElement, Reach>} */
const reaches = new WeakMap();

/**
 * Show the store's lines around a line, with buttons for more.
 * @param {View} view
 * @param {Line} line
 */
export async function showNeighbours(view, line) {
  view.pause("reading");
  for (const side of SIDES) if (reachOf(view, line)[side].any.position === line.position) await load(view, line, side, false, NEAR);
  const row = view.lines.rows.get(line.position);
  if (row) select(view.lines, row, "center");
}

/**
 * Show further neighbours on a side, and focus the button for more, which is a new one; without one, the line.
 * @param {View} view
 * @param {Line} line
 * @param {Side} side
 * @param {boolean} isOwn only those of the line's source
 */
export async function showFurther(view, line, side, isOwn) {
  view.pause("reading");
  await load(view, line, side, isOwn, FURTHER);
  const pressed = view.lines.log.querySelector(`.further.${side}[data-of="${line.position}"] ${isOwn ? ".own" : "button:not(.own)"}`);
  (/** @type {HTMLElement | null} */ (pressed) ?? view.lines.rows.get(line.position))?.focus({ preventScroll: true });
}

/**
 * Return what finds the lines of a line's host, or of its source with any port.
 * @param {Line} line
 */
function ownTerm(line) {
  const host = hostnameOf(line);
  if (host) return { q: withTerm("", "hostname", host, false) };
  const origin = originOf(line);
  // A pattern: brackets of an IPv6 address would be a set of characters.
  return { source: origin.replace(/[[*?]/g, "[$&]") + (origin === line.source ? "" : ":*") };
}

/**
 * @param {View} view
 * @param {Line} line
 * @returns {Reach}
 */
function reachOf(view, line) {
  const row = view.lines.rows.get(line.position);
  const none = () => ({ any: { position: line.position, isLast: false }, own: { position: line.position, isLast: false } });
  return (row && reaches.get(row)) ?? { before: none(), after: none() };
}

/**
 * Insert neighbours, and put the buttons for more beside the outermost.
 * @param {View} view
 * @param {Line} line
 * @param {Side} side
 * @param {boolean} isOwn
 * @param {number} limit
 */
async function load(view, line, side, isOwn, limit) {
  const reach = reachOf(view, line);
  const end = reach[side][isOwn ? "own" : "any"];
  const where = side === "before" ? { before: end.position, reverse: 1 } : { after: end.position };
  const term = isOwn ? ownTerm(line) : {};
  const found = await all(await search({ ...term, limit, ...where }, view.signal));
  if (found.length) end.position = found[found.length - 1].position;
  end.isLast = found.length < limit;
  // Removed before the lines are inserted: a button at the top would keep its place, and the lines would move.
  for (const old of view.lines.log.querySelectorAll(`.further[data-of="${line.position}"]`)) old.remove();
  insert(view.lines, side === "before" ? found.reverse() : found, originOf(line));
  const row = view.lines.rows.get(line.position);
  if (!row) return;
  reaches.set(row, reach);
  for (const one of SIDES) putButtons(view, line, one, reach[one]);
}

/**
 * @param {View} view
 * @param {Line} line
 * @param {Side} side
 * @param {{any: End, own: End}} ends
 */
function putButtons(view, line, side, { any, own }) {
  const outermost = [any.position, own.position].sort(compare)[side === "before" ? 0 : 1];
  const row = view.lines.rows.get(outermost);
  // Without a query all lines of the scope are shown, and scrolling loads more.
  if (!row || any.isLast || !(view.request.q || row.classList.contains("context"))) return;
  const more = (/** @type {boolean} */ isOwn) => attempt(() => showFurther(view, line, side, isOwn));
  const buttons = [button(`Show ${FURTHER} more ${side}`, "small", () => more(false))];
  if (!own.isLast) buttons.push(button(`Show ${FURTHER} ${side} of this source`, "small own", () => more(true)));
  const edge = element("div", `edge further ${side}`, cell("span", "", ...buttons));
  edge.dataset.of = line.position;
  edge.setAttribute("role", "row");
  row[side](edge);
}
