/** The window over the lines: its topmost line, which stays where it is, and the space of lines that were cut above it. */

/** @typedef {import("./lines.js").Lines} Lines */

/**
 * Make a change that moves lines, and scroll so that the topmost visible line does not move.
 * @param {Lines} page
 * @param {() => void} change
 * @param {Set<string>} [begun] positions of records that will have their rows elsewhere
 */
export function keepingTopLine(page, change, begun = new Set()) {
  const top = page.scroller.getBoundingClientRect().top;
  let anchor = atTop(page);
  while (begun.size && anchor?.nextElementSibling && begun.has(page.data.get(anchor)?.continues ?? "")) anchor = /** @type {HTMLElement} */ (anchor.nextElementSibling);
  const before = anchor ? anchor.getBoundingClientRect().top - top : 0;
  change();
  if (anchor?.isConnected) page.scroller.scrollTop += anchor.getBoundingClientRect().top - top - before;
}

/**
 * Return the topmost visible line.
 * @param {Lines} page
 */
export function atTop(page) {
  const top = page.scroller.getBoundingClientRect().top;
  const children = page.log.children;
  let low = 0;
  let high = children.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (children[middle].getBoundingClientRect().bottom > top) high = middle;
    else low = middle + 1;
  }
  return /** @type {HTMLElement | undefined} */ (children[low]);
}

/**
 * @param {Lines} page
 * @param {number} space pixels before the first line
 */
export function setSpace(page, space) {
  if (space === page.space) return;
  page.space = space;
  page.log.style.paddingTop = space ? `${space}px` : "";
}

/**
 * Remove the space of cut lines, and keep the visible lines where they are.
 * @param {Lines} page
 */
export function endSpace(page) {
  if (!page.space) return;
  const top = page.scroller.scrollTop - page.space;
  setSpace(page, 0);
  page.scroller.scrollTop = top;
}
