/** The focus of the keyboard, which must not get lost with its element. */

/** @type {EventTarget | null} the element that has the focus, or had it last */
let focused = null;
document.addEventListener("focusin", (event) => (focused = event.target));

/**
 * Move the focus if its element has been hidden or removed; otherwise the next Tab would begin at the top.
 * @param {HTMLElement} fallback that gets the focus
 */
export function keepFocus(fallback) {
  if (focused instanceof Element && !focused.checkVisibility()) fallback.focus({ preventScroll: true });
}
