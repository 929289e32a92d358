/** Where a panel of a board stands: it is dragged by its handle, or moved with arrow keys, and is wide or narrow. */

import { button } from "./dom.js";

/** @typedef {{search: string, isAfter: boolean}} Place beside another panel */

/** Keys that move a panel, each with the direction. */
const KEYS = /** @type {Record<string, -1 | 1>} */ ({ ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 });
/** Pixels: a shorter way is a click. */
const SHAKY = 6;

/**
 * Return the handle by which a panel is dragged before or after another one.
 * @param {HTMLElement} part of the panel
 * @param {string} name
 * @param {{move: (step: -1 | 1) => void, place: (beside: Place) => void}} told
 */
export function moveHandle(part, name, told) {
  const made = button("⠿", "icon handle", () => {}, `Move: ${name}`);
  made.title = "Drag it to another place, or move it with the arrow keys";
  made.addEventListener("keydown", (event) => {
    const step = KEYS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    told.move(step);
  });
  /** @type {{x: number, y: number, moves: boolean} | null} */
  let from = null;
  /** @type {HTMLElement | null} the panel beside which it would stand */
  let beside = null;
  const mark = (/** @type {HTMLElement | null} */ panel, isAfter = false) => {
    beside?.classList.remove("drop-before", "drop-after");
    beside = panel;
    panel?.classList.add(isAfter ? "drop-after" : "drop-before");
  };
  const end = () => {
    mark(null);
    part.classList.remove("moves");
    from = null;
  };
  made.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = { x: event.clientX, y: event.clientY, moves: false };
    made.setPointerCapture(event.pointerId);
  });
  made.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (!from) return;
    from.moves ||= Math.hypot(clientX - from.x, clientY - from.y) > SHAKY;
    if (!from.moves) return;
    part.classList.add("moves");
    const over = /** @type {HTMLElement | null} */ (document.elementFromPoint(clientX, clientY)?.closest(".board-panel") ?? null);
    if (!over || over === part) return mark(null);
    const { left, top, width, height } = over.getBoundingClientRect();
    // Of panels beside each other the half at the left is before it, of those below each other the upper one.
    const isBeside = width < 0.75 * (over.parentElement?.clientWidth ?? width);
    mark(over, isBeside ? clientX > left + width / 2 : clientY > top + height / 2);
  });
  made.addEventListener("pointerup", () => {
    const place = beside && { search: beside.dataset.search ?? "", isAfter: beside.classList.contains("drop-after") };
    end();
    if (place) told.place(place);
  });
  for (const name of ["pointercancel", "lostpointercapture"]) made.addEventListener(name, end);
  made.addEventListener("keydown", (event) => event.key === "Escape" && from && (end(), event.stopPropagation()));
  return made;
}

/**
 * Return the control that makes a panel as wide as the board, or as a column.
 * @param {string} name
 * @param {boolean} isWide
 * @param {() => void} change
 */
export function widthButton(name, isWide, change) {
  const made = button("↔", "icon width", change, `Wide: ${name}`);
  made.title = isWide ? "It is as wide as the board. Make it a column" : "It is a column. Make it as wide as the board";
  made.setAttribute("aria-pressed", String(isWide));
  return made;
}

/**
 * Return the panels with one of them beside another.
 * @template {{search: string}} Panel
 * @param {Panel[]} panels
 * @param {string} search
 * @param {Place} place
 */
export function placed(panels, search, { search: other, isAfter }) {
  const moved = panels.find((one) => one.search === search);
  const rest = panels.filter((one) => one !== moved);
  const at = rest.findIndex((one) => one.search === other);
  if (!moved || at < 0) return panels;
  rest.splice(at + Number(isAfter), 0, moved);
  return rest;
}
