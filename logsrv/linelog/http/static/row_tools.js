/** The buttons at the end of the row under the pointer, or with the focus: one click leads to what stands around a line. */

import { button, cell } from "./dom.js";

/** @typedef {import("./api.js").Line} Line */

/**
 * Show the buttons in the row under the mouse, and in the one with the focus. A finger opens the line, which has them too.
 * @param {import("./lines.js").Lines} lines
 * @param {{neighbours: (line: Line) => void, around: (line: Line) => void}} actions
 */
export function offerAround(lines, { neighbours, around }) {
  /** @param {(line: Line) => void} act */
  const of = (act) => () => {
    const row = /** @type {HTMLElement | null} */ (tools.closest(".line"));
    const line = row && lines.data.get(row);
    if (line) act(line);
  };
  const tools = cell(
    "span",
    "row-tools",
    button("±5 s", "small", of(around), "±5 s around this line: all sources, without the filter (s)"),
    button("↕", "small", of(neighbours), "Neighbours of this line in the store (c)"),
  );
  /** @param {Event} event */
  const show = ({ target }) => {
    const row = /** @type {Element} */ (target).closest(".line:not(.open, .part)");
    // What has the focus would lose it.
    if (row && tools.parentElement !== row && !tools.contains(document.activeElement)) row.append(tools);
  };
  lines.log.addEventListener("pointerover", (event) => event.pointerType === "mouse" && show(event));
  lines.log.addEventListener("focusin", show);
}
