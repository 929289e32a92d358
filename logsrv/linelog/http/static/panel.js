/** The panels beside the lines. They share one part of the page: one that opens closes the other. */

import { byId } from "./dom.js";
import { Inquiry } from "./inquiry.js";

/** @type {Panel[]} */
const panels = [];

export class Panel extends Inquiry {
  /**
   * @param {string} name its id
   * @param {() => void} onOpen
   * @param {() => void} onWork
   */
  constructor(name, onOpen, onWork) {
    super(byId(name), onWork);
    this.onOpen = onOpen;
    this.opener = byId(`${name}-button`);
    this.opener.addEventListener("click", () => this.switch());
    byId(`${name}-close`).addEventListener("click", () => this.toggle(false));
    panels.push(this);
  }

  get shown() {
    return !this.part.hidden;
  }

  /** Open or close it for the user, whose keys it gets. */
  switch() {
    this.toggle();
    this.part.focus();
  }

  /** @param {boolean} [shown] */
  toggle(shown = !this.shown) {
    if (shown) for (const other of panels) if (other !== this && other.shown) other.toggle(false);
    // On a small screen its button is among the tools, which are hidden.
    if (!shown && this.part.contains(document.activeElement)) (this.opener.checkVisibility() ? this.opener : byId("more")).focus();
    this.part.hidden = !shown;
    this.opener.setAttribute("aria-expanded", String(shown));
    if (shown) return this.onOpen();
    this.stop();
    this.pending = false;
    this.onWork();
  }
}
