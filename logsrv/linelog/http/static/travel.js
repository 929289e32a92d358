/** Navigation: to the oldest lines, to the next line of a kind. */

import { ApiError, all, search } from "./api.js";
import { isAtLeast } from "./levels.js";
import { find, neighbour, select } from "./selection.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./view.js").View} View */

/**
 * Show the oldest lines.
 * @param {View} view
 */
export async function toStart(view) {
  view.pause("reading");
  if (!view.atStart) {
    // All at once: lines that came meanwhile would be looked for on both sides of a part.
    const found = await all(await view.ask(view.request, {}, view.signal));
    view.lines.clear();
    await view.openRange([found]);
    if (view.atEnd) await view.reachedEnd();
  }
  view.lines.scroller.scrollTop = 0;
  view.say("changed");
  view.fill();
}

/**
 * Scroll by nearly a window.
 * @param {View} view
 * @param {-1 | 1} direction
 */
export function page(view, direction) {
  const { scroller } = view.lines;
  if (direction < 0) view.pause("reading");
  scroller.scrollBy({ top: direction * 0.9 * scroller.clientHeight });
  view.pull();
}

/**
 * Select the line that is so many steps away.
 * @param {View} view
 * @param {number} steps
 */
export function walk(view, steps) {
  const { lines } = view;
  if (!lines.size) return;
  view.pause("reading");
  select(lines, neighbour(lines, steps) ?? lines.selected);
  // Near an end, more lines are loaded before the next step needs them.
  view.scrolled();
}

/**
 * Go to the next line that a query finds; without a query, to the next warning or worse.
 * @param {View} view
 * @param {-1 | 1} direction
 * @param {string} q
 */
export const seekHit = (view, direction, q) =>
  q ? seek(view, direction, (line) => !line.context, q) : seek(view, direction, (line) => isAtLeast(line.level, "warning"), "level>=warning");

/**
 * Go to the next accepted line; it is loaded if it is not in the page.
 * @param {View} view
 * @param {-1 | 1} direction
 * @param {(line: Line) => boolean} accept
 * @param {string} query a query that finds such lines
 */
async function seek(view, direction, accept, query) {
  view.pause("reading");
  const { lines, request } = view;
  const from = lines.selected ?? neighbour(lines, direction);
  if (!from) return;
  const itself = !lines.selected && accept(/** @type {Line} */ (lines.data.get(from)));
  const near = itself ? from : find(lines, from, direction, accept);
  if (near) return select(lines, near, "center");
  // Sorted lines, or so many, are all in the page.
  if (view.kind !== "lines") throw new ApiError(404, direction < 0 ? "No such line before this one." : "No such line after this one.");
  const where = direction < 0 ? { before: lines.first, reverse: 1 } : { after: lines.last };
  const { since, until } = request;
  const found = await all(await search({ q: query, since, until, limit: 1, ...where }, view.signal));
  if (!found.length) throw new ApiError(404, direction < 0 ? "No such line before this one." : "No such line after this one.");
  if (!view.unanswered) await view.open({ ...request, position: found[0].position });
}
