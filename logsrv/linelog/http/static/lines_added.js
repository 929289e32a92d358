/**
 * Lines that come into the page: after the last one, before the first one, or between the others. Lines that are in the
 * page already are left out, and what is visible does not move.
 */

import { button, cell, element } from "./dom.js";
import { keepingTopLine } from "./lines_window.js";
import { compare, know, storeOf } from "./position.js";
import { showNumbers } from "./sorted_numbers.js";
import { originOf } from "./summary.js";
import { counted } from "./times.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./lines.js").Lines} Lines */
/** @typedef {import("./queue.js").Gap} Gap */

/**
 * Add lines and gaps after the last line. Lines that are shown already are left out; late ones, of a record that only
 * now belongs here, come between the others.
 * @param {Lines} page
 * @param {(Line | Gap)[]} items
 * @param {boolean} [isSorted] they are not in the order of the store
 * @returns {Line[]} the added lines
 */
export function append(page, items, isSorted = false) {
  const fragment = document.createDocumentFragment();
  const added = [];
  const between = [];
  const lines = /** @type {Line[]} */ (items.filter((item) => "position" in item));
  know(lines);
  const end = [...page.outside].reduce((last, one) => (compare(one, last) > 0 ? one : last), page.last);
  let day = page.rows.get(page.last)?.dataset.on ?? "";
  for (const item of items) {
    if (!("position" in item)) {
      // The server has another store, whose positions begin again.
      if (item.from && page.last && storeOf(item.from) === storeOf(page.last) && compare(item.from, page.last) <= 0) {
        fragment.replaceChildren();
        added.length = between.length = 0;
        day = "";
        page.clear();
        know(lines);
      }
      fragment.append(gap(page, item, page.last));
      page.records.end(page.last);
      continue;
    }
    if (item.beyond) {
      between.push(item);
      continue;
    }
    if (!isSorted && page.last && compare(item.position, page.last) <= 0) {
      // Lines of several stores come in the order of each store.
      const isOfOther = storeOf(item.position) !== storeOf(page.last) && !page.rows.has(item.position);
      if (item.late || isOfOther) between.push(item);
      if (isOfOther) added.push(item);
      continue;
    }
    page.first ||= item.position;
    page.last = item.position;
    added.push(item);
    if (page.outside.delete(item.position)) continue;
    if (!isSorted && end && compare(item.position, end) < 0) {
      between.push(item);
      continue;
    }
    const made = page.make(item);
    if (made.dataset.on !== day) made.dataset.day = day = made.dataset.on ?? "";
    fragment.append(made);
  }
  page.log.append(fragment);
  page.records.draw();
  insertInOrder(page, between);
  if (isSorted) page.format = showNumbers(page);
  return added;
}

/**
 * Add lines before the first line; they come in the order of the store.
 * @param {Lines} page
 * @param {Line[]} lines
 */
export function prepend(page, lines) {
  const { first } = page;
  know(lines);
  const found = lines.filter((line) => !line.beyond);
  const older = found.filter((line) => !first || compare(line.position, first) < 0);
  const between = found.filter((line) => first && compare(line.position, first) > 0 && compare(line.position, page.last) < 0);
  const beyond = lines.filter((line) => line.beyond);
  if (!older.length) return insertInOrder(page, [...between, ...beyond]);
  page.first = older[0].position;
  page.last ||= older[older.length - 1].position;
  const isMixed = [...page.outside].some((position) => compare(position, first) < 0);
  for (const { position } of older) page.outside.delete(position);
  if (isMixed) return insertInOrder(page, [...older, ...between, ...beyond]);
  keepingTopLine(page, () => {
    const next = page.rows.get(first);
    const fragment = document.createDocumentFragment();
    let day = "";
    for (const line of older) {
      const made = page.make(line);
      if (made.dataset.on !== day) made.dataset.day = day = made.dataset.on ?? "";
      fragment.append(made);
    }
    if (next && next.dataset.on === day) delete next.dataset.day;
    page.log.prepend(fragment);
    page.records.draw();
    insertInOrder(page, [...between, ...beyond]);
  }, new Set(lines.map((line) => line.position)));
}

/**
 * Insert neighbours between the lines, in the order of the store. Lines that are shown already stay.
 * @param {Lines} page
 * @param {Line[]} lines
 * @param {string} origin of the line whose neighbours they are
 */
export function insert(page, lines, origin) {
  insertInOrder(page, lines.map((line) => ({ ...line, context: true })), (made, line) => made.classList.toggle("same-source", originOf(line) === origin));
}

/**
 * Put lines between the others, in the order of the store. Lines that are shown already stay; the part does not grow.
 * @param {Lines} page
 * @param {Line[]} lines
 * @param {(made: HTMLElement, line: Line) => void} [dress]
 */
function insertInOrder(page, lines, dress = () => {}) {
  know(lines);
  const missing = lines.filter((line) => !page.rows.has(line.position)).sort((a, b) => compare(a.position, b.position));
  if (!missing.length) return;
  keepingTopLine(page, () => {
    let next = page.log.firstElementChild;
    for (const line of missing) {
      const isBefore = (/** @type {string | undefined} */ position) => !position || compare(position, line.position) < 0;
      while (next && isBefore(/** @type {HTMLElement} */ (next).dataset.position)) next = next.nextElementSibling;
      const made = page.make(line);
      dress(made, line);
      page.log.insertBefore(made, next);
      page.first ||= line.position;
      page.last ||= line.position;
      if (compare(line.position, page.first) < 0 || compare(line.position, page.last) > 0) page.outside.add(line.position);
    }
    page.records.draw();
    // Another line may now be the first of its day, which has the date.
    page.retime();
  }, new Set(missing.map((line) => line.position)));
}

/**
 * @param {Lines} page
 * @param {Gap} gap
 * @param {string} after
 */
function gap(page, gap, after) {
  const lines = gap.lines === null ? "Lines" : counted(gap.lines, "line");
  const made = element("div", "gap", cell("span", "", gap.why === "missed" ? `${lines} missed` : `${lines} skipped`));
  made.setAttribute("role", "row");
  if (after) made.append(cell("span", "", button("Show", "link", () => page.showGap(after), "Stop here and show these lines")));
  return made;
}
