/** The line selected with keys or a click. It has the focus, so that a screen reader reads it out. */

import { atTop } from "./lines_window.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./lines.js").Lines} Lines */

/**
 * @param {Lines} page
 * @param {HTMLElement | null} line
 * @param {"nearest" | "center"} [where]
 */
export function select(page, line, where = "nearest") {
  mark(page, line && page.records.head(line));
  page.selected?.scrollIntoView({ block: where });
}

/**
 * @param {Lines} page
 * @param {HTMLElement | null} line
 */
export function mark(page, line) {
  page.selected?.removeAttribute("aria-current");
  page.selected = line;
  line?.setAttribute("aria-current", "true");
  line?.focus({ preventScroll: true });
}

/**
 * Return the line next to the selected one; without a selection, the topmost visible or the last one.
 * @param {Lines} page
 * @param {number} steps positive: the next line; negative: the one before
 */
export function neighbour(page, steps) {
  const from = page.selected?.isConnected ? page.selected : null;
  if (!from) {
    const made = steps > 0 ? atTop(page) : page.rows.get(page.last);
    return made ? page.records.head(made) : null;
  }
  return find(page, from, steps, () => true);
}

/**
 * @param {Lines} page
 * @param {Element} from
 * @param {number} direction
 * @param {(line: Line) => boolean} accept
 * @returns {HTMLElement | null}
 */
export function find(page, from, direction, accept) {
  let at = direction > 0 ? from.nextElementSibling : from.previousElementSibling;
  while (at) {
    const line = page.data.get(at);
    if (line && !at.classList.contains("part") && accept(line)) return /** @type {HTMLElement} */ (at);
    at = direction > 0 ? at.nextElementSibling : at.previousElementSibling;
  }
  return null;
}
