/** Lines that leave the page, at its start or its end: more than so many, or older than the range. Records stay whole. */

import { endSpace, setSpace } from "./lines_window.js";
import { compare } from "./position.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./lines.js").Lines} Lines */

/** Pixels; a browser has room for 33 million. */
const MOST_SPACE = 10_000_000;
/** Pixels before and behind the window of which nothing is cut. */
const NEAR = 1200;

/**
 * Cut the oldest until so many rows are left, and so many lines; not what is near the window.
 * @param {Lines} page
 * @param {{rows: number, lines: number}} most
 * @param {boolean} [isFollowing] the window shows the newest; put space where lines are cut, so that the other
 *   lines are not laid out again, nor shifted
 * @returns {boolean} some were cut
 */
export function cutStart(page, most, isFollowing = false) {
  let rows = page.shown - most.rows;
  let lines = page.rows.size - most.lines;
  const window = page.scroller.getBoundingClientRect();
  const top = isFollowing ? page.log.getBoundingClientRect().bottom - window.height : window.top;
  let kept = page.log.firstElementChild;
  for (; kept; kept = kept.nextElementSibling) {
    if (!page.data.has(kept)) continue;
    const isPart = kept.classList.contains("part");
    if (!isPart && ((rows <= 0 && lines <= 0) || kept.getBoundingClientRect().bottom > top - NEAR)) break;
    lines -= 1;
    if (!isPart) rows -= 1;
  }
  const { first } = page;
  if (kept && kept !== firstLine(page)) cutUpTo(page, /** @type {HTMLElement} */ (kept), isFollowing);
  return page.first !== first;
}

/**
 * Return the row of the first line: a gap before it stays until a line is cut. Another store begins with such a gap.
 * @param {Lines} page
 */
const firstLine = (page) => page.log.querySelector(":scope > .line");

/**
 * Cut what is before a row; records of which lines are behind it stay whole.
 * @param {Lines} page
 * @param {HTMLElement | null} kept null: cut all
 * @param {boolean} isFollowing as for `cutStart`
 * @returns {Line | null} the newest line that was cut
 */
function cutUpTo(page, kept, isFollowing) {
  const begin = kept?.dataset.position;
  const top = isFollowing && kept ? kept.offsetTop : 0;
  /** @type {Line | null} */
  let cut = null;
  for (let at = page.log.firstElementChild; at && at !== kept; ) {
    const row = at;
    at = at.nextElementSibling;
    const position = /** @type {HTMLElement} */ (row).dataset.position;
    if (position && begin && compare(page.records.lastOf(row), begin) >= 0) {
      page.outside.add(position);
      continue;
    }
    cut = page.data.get(row) ?? cut;
    // A gap says what is missing between two lines, so one at the very top is removed.
    page.remove(row);
  }
  page.records.draw();
  if (isFollowing) {
    const space = kept ? page.space + top - kept.offsetTop : 0;
    setSpace(page, page.log.offsetHeight - page.space > page.scroller.clientHeight ? space : 0);
  }
  if (page.space > MOST_SPACE) endSpace(page);
  page.first = inside(page, kept, "nextElementSibling");
  return cut;
}

/**
 * Return the position of the first row of the part from a row on; "" if there is none.
 * @param {Lines} page
 * @param {Element | null} from
 * @param {"nextElementSibling" | "previousElementSibling"} direction
 */
function inside(page, from, direction) {
  for (let at = from; at; at = at[direction]) {
    const position = /** @type {HTMLElement} */ (at).dataset.position;
    if (position && !page.outside.has(position)) return position;
  }
  return "";
}

/**
 * Cut the first lines if they are older than `since`.
 * @param {Lines} page
 * @param {number} since in milliseconds since 1970
 * @returns {Line | null} the last line that was cut
 */
export function cutBefore(page, since) {
  let kept = page.log.firstElementChild;
  for (; kept; kept = kept.nextElementSibling) {
    const line = page.data.get(kept);
    if (line && !page.outside.has(line.position) && !(Date.parse(line.time) < since)) break;
  }
  return kept === firstLine(page) ? null : cutUpTo(page, /** @type {HTMLElement | null} */ (kept), true);
}

/**
 * Cut the newest until so many rows are left, and so many lines; not what is near the window.
 * @param {Lines} page
 * @param {{rows: number, lines: number}} most
 * @returns {boolean} some were cut
 */
export function cutEnd(page, most) {
  let rows = page.shown - most.rows;
  let lines = page.rows.size - most.lines;
  const { bottom } = page.scroller.getBoundingClientRect();
  let kept = page.log.lastElementChild;
  for (; kept; kept = kept.previousElementSibling) {
    if (rows <= 0 && lines <= 0) break;
    if (!page.data.has(kept)) continue;
    const isPart = kept.classList.contains("part");
    if (!isPart && kept.getBoundingClientRect().top < bottom + NEAR) break;
    lines -= 1;
    if (!isPart) rows -= 1;
  }
  const end = inside(page, kept, "previousElementSibling");
  if (!end || end === page.last) return false;
  for (let at = page.log.lastElementChild; at && at !== kept; ) {
    const row = at;
    at = at.previousElementSibling;
    const position = /** @type {HTMLElement} */ (row).dataset.position;
    // Records of which lines are before it stay whole.
    if (position && compare(page.records.firstOf(row), end) <= 0) page.outside.add(position);
    else page.remove(row);
  }
  page.records.draw();
  page.last = end;
  return true;
}
