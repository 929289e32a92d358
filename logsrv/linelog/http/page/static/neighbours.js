/** A line's neighbours in the store, whether they match the query or not: those of all sources, and those of its own. */

import { get, search } from "./api.js";
import { button, element } from "./dom.js";
import { attempt } from "./notice.js";
import { compare } from "./position.js";
import { withTerm } from "./query.js";
import { hostnameOf, originOf } from "./summary.js";
import { all } from "./view.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./view.js").View} View */
/** @typedef {"before" | "after"} Side */
/**
 * What is shown around a line: so many lines on each side; `any` and `own`: the positions of the furthest line, and of
 * the furthest of its source; `ended`: sides on which there are no more lines, `ownEnded`: none of its source.
 * @typedef {{before: number, after: number, any: Record<Side, string>, own: Record<Side, string>, ended: Set<Side>,
 *   ownEnded: Set<Side>}} Reach
 */

/** Neighbours on each side: at first, further ones with each click, and the API's limit. */
const NEAR = 5;
const FURTHER = 20;
const FURTHEST = 1000;
/** @type {Side[]} */
const SIDES = ["before", "after"];
/** @type {WeakMap<HTMLElement, Reach>} */
const reaches = new WeakMap();

/**
 * Show the store's lines around a line, with buttons for more.
 * @param {View} view
 * @param {Line} line
 */
export function showNeighbours(view, line) {
  const { before, after } = reachOf(view, line);
  return extend(view, line, { before: Math.max(before, NEAR), after: Math.max(after, NEAR) });
}

/**
 * Show further neighbours on a side.
 * @param {View} view
 * @param {Line} line
 * @param {Side} side
 * @param {boolean} isOwn only those of the line's source
 */
export async function showFurther(view, line, side, isOwn) {
  const reach = reachOf(view, line);
  if (!isOwn) return extend(view, line, { [side]: Math.min(FURTHEST, reach[side] + FURTHER) }, side);
  view.pause("reading");
  const from = reach.own[side] || line.position;
  const where = side === "before" ? { before: from, reverse: 1 } : { after: from };
  const { nodes } = view.request;
  const found = await all(await search({ ...ownTerm(line), nodes, limit: FURTHER, ...where }, view.abort.signal));
  if (found.length) reach.own[side] = found[found.length - 1].position;
  if (found.length < FURTHER) reach.ownEnded.add(side);
  showFound(view, line, reach, side === "before" ? found.reverse() : found);
  focusAfter(view, line, side, true);
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
 * @param {Partial<Reach>} further the new number of a side
 * @param {Side} [side] the side of the pressed button
 */
async function extend(view, line, further, side) {
  view.pause("reading");
  const reach = { ...reachOf(view, line), ...further };
  const { position } = line;
  const { before, after } = reach;
  const { lines } = await get("/api/show", { position, before, after, nodes: view.request.nodes }, view.abort.signal);
  const at = lines.findIndex((/** @type {Line} */ one) => one.position === position);
  reach.any = { before: lines[0].position, after: lines[lines.length - 1].position };
  // Fewer lines than requested: the store has no more on that side.
  reach.ended = new Set(SIDES.filter((one) => (one === "before" ? at < before : lines.length - at <= after)));
  reach.ownEnded = new Set(reach.ended);
  showFound(view, line, reach, lines);
  focusAfter(view, line, side, false);
}

/**
 * @param {View} view
 * @param {Line} line
 * @returns {Reach}
 */
function reachOf(view, line) {
  const row = view.lines.rows.get(line.position);
  return (row && reaches.get(row)) ?? { before: 0, after: 0, any: { before: "", after: "" }, own: { before: "", after: "" }, ended: new Set(), ownEnded: new Set() };
}

/**
 * Insert neighbours, and put the buttons for more beside the outermost.
 * @param {View} view
 * @param {Line} line
 * @param {Reach} reach
 * @param {Line[]} found in the order of the store
 */
function showFound(view, line, reach, found) {
  // Removed before the lines are inserted: a button at the top would keep its place, and the lines would move.
  for (const old of view.lines.log.querySelectorAll(`.further[data-of="${line.position}"]`)) old.remove();
  view.lines.insert(found, originOf(line));
  const row = view.lines.rows.get(line.position);
  if (!row) return;
  reaches.set(row, reach);
  for (const side of SIDES) {
    const ends = [line.position, reach.any[side], reach.own[side]].filter(Boolean).sort(compare);
    putButtons(view, line, side, reach, side === "before" ? ends[0] : ends[ends.length - 1]);
  }
}

/**
 * @param {View} view
 * @param {Line} line
 * @param {Side} side
 * @param {Reach} reach
 * @param {string} outermost the position of the furthest neighbour
 */
function putButtons(view, line, side, reach, outermost) {
  const row = view.lines.rows.get(outermost);
  // Without a query all lines of the scope are shown, and scrolling loads more.
  if (!row || !(view.request.q || row.classList.contains("context"))) return;
  const more = (/** @type {boolean} */ isOwn) => attempt(() => showFurther(view, line, side, isOwn));
  const cell = element("span");
  cell.setAttribute("role", "gridcell");
  if (reach[side] < FURTHEST && !reach.ended.has(side)) cell.append(button(`Show ${FURTHER} more ${side}`, "small", () => more(false)));
  if (!reach.ownEnded.has(side)) cell.append(button(`Show ${FURTHER} ${side} of this source`, "small own", () => more(true)));
  if (!cell.childElementCount) return;
  const place = element("div", `edge further ${side}`);
  place.dataset.of = line.position;
  place.setAttribute("role", "row");
  place.append(cell);
  row[side](place);
}

/**
 * Focus the button that was pressed, which is a new one now; without one, the line.
 * @param {View} view
 * @param {Line} line
 * @param {Side | undefined} side
 * @param {boolean} isOwn
 */
function focusAfter(view, line, side, isOwn) {
  const row = view.lines.rows.get(line.position);
  if (!side) return row && view.lines.select(row, "center");
  const kind = isOwn ? ".own" : "button:not(.own)";
  const pressed = view.lines.log.querySelector(`.further.${side}[data-of="${line.position}"] ${kind}`);
  (/** @type {HTMLElement | null} */ (pressed) ?? row)?.focus({ preventScroll: true });
}
