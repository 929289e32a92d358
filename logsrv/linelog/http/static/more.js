/** The tools of a small screen, behind a button. */

import { byId } from "./dom.js";

const opener = byId("more");
const tools = byId("tools");
opener.addEventListener("click", () => opener.setAttribute("aria-expanded", String(!isOpen())));
tools.addEventListener("click", closeMore);

const isOpen = () => opener.getAttribute("aria-expanded") === "true";

/**
 * Hide the tools.
 * @returns {boolean} whether they were shown
 */
export function closeMore() {
  if (!isOpen()) return false;
  if (tools.contains(document.activeElement)) opener.focus();
  opener.setAttribute("aria-expanded", "false");
  return true;
}
