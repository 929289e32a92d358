/** Navigation: to the oldest lines, to a line's neighbours, to the next line of a kind. */

import { ApiError, get, search } from "./api.js";
import { button, element } from "./dom.js";
import { all, PAGE } from "./view.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./view.js").View} View */
/** @typedef {{before: number, after: number}} Reach the number of shown neighbours of a line */

/** Neighbours on each side: at first, further ones with each click, and the API's limit. */
const NEAR = 5;
const FURTHER = 50;
const FURTHEST = 1000;
/** @type {WeakMap<HTMLElement, Reach>} */
const reaches = new WeakMap();

/**
 * Show the oldest lines.
 * @param {View} view
 */
export async function toStart(view) {
  view.pause("reading");
  if (!view.atStart) {
    const groups = await view.ask(view.request, {}, view.abort.signal);
    view.lines.clear();
    const found = await all(groups);
    view.lines.append(found);
    view.atStart = true;
    view.atEnd = false;
    if (found.length < PAGE) await view.reachedEnd();
  }
  view.lines.scroller.scrollTop = 0;
  view.say("changed");
}

/**
 * Show the store's lines around a line, whether they match the query or not, with buttons for more.
 * @param {View} view
 * @param {string} position
 * @param {Partial<Reach>} [further] the new number, on the side where more were requested
 */
export async function neighbours(view, position, further = {}) {
  view.pause("reading");
  const shown = view.lines.rows.get(position);
  const reach = { before: NEAR, after: NEAR, ...(shown && reaches.get(shown)), ...further };
  const { lines } = await get("/api/show", { position, ...reach, nodes: view.request.nodes }, view.abort.signal);
  // Removed before the lines are inserted: a button at the top would keep its place, and the lines would move.
  for (const old of view.lines.log.querySelectorAll(`.further[data-of="${position}"]`)) old.remove();
  view.lines.insert(lines);
  const row = view.lines.rows.get(position);
  if (!row) return;
  reaches.set(row, reach);
  const before = lines.findIndex((/** @type {Line} */ line) => line.position === position);
  const earlier = furtherButton(view, position, "before", before < reach.before, reach, lines[0]);
  const later = furtherButton(view, position, "after", lines.length - before <= reach.after, reach, lines[lines.length - 1]);
  if (further.before || further.after) ((further.before ? earlier : later) ?? row).focus({ preventScroll: true });
  else view.lines.select(row, "center");
}

/**
 * Put a button beside the last neighbour on a side, unless the store has no more lines there.
 * @param {View} view
 * @param {string} position
 * @param {"before" | "after"} side
 * @param {boolean} isAll the store has no more lines on that side
 * @param {Reach} reach
 * @param {Line} last
 * @returns {HTMLElement | undefined}
 */
function furtherButton(view, position, side, isAll, reach, last) {
  const row = view.lines.rows.get(last.position);
  // Without a query all lines of the scope are shown, and scrolling loads more.
  if (isAll || reach[side] >= FURTHEST || !row || !(view.request.q || row.classList.contains("context"))) return undefined;
  const place = element("div", "edge further");
  place.dataset.of = position;
  place.setAttribute("role", "row");
  const cell = element("span");
  cell.setAttribute("role", "gridcell");
  const most = Math.min(FURTHEST, reach[side] + FURTHER);
  const made = button(`Show ${most - reach[side]} more ${side}`, "small", () =>
    neighbours(view, position, { [side]: most }).catch((error) => view.say("failed", { error })),
  );
  cell.append(made);
  place.append(cell);
  row[side](place);
  return made;
}

/**
 * Go to the next accepted line; it is loaded if it is not in the page.
 * @param {View} view
 * @param {-1 | 1} direction
 * @param {(line: Line) => boolean} accept
 * @param {string} query a query that finds such lines
 */
export async function seek(view, direction, accept, query) {
  view.pause("reading");
  const { lines, request } = view;
  const from = lines.selected ?? lines.neighbour(direction);
  if (!from) return;
  const itself = !lines.selected && accept(/** @type {Line} */ (lines.data.get(from)));
  const near = itself ? from : lines.find(from, direction, accept);
  if (near) return lines.select(near, "center");
  // Sorted lines, or so many, are all in the page.
  if (view.kind !== "lines") throw new ApiError(404, direction < 0 ? "No such line before this one." : "No such line after this one.");
  const where = direction < 0 ? { before: lines.first, reverse: 1 } : { after: lines.last };
  const { since, until, nodes } = request;
  const found = await all(await search({ q: query, since, until, nodes, limit: 1, ...where }, view.abort.signal));
  if (!found.length) throw new ApiError(404, direction < 0 ? "No such line before this one." : "No such line after this one.");
  await view.open({ ...request, position: found[0].position }, undefined, found);
}
