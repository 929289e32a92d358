/** The menu of the histogram: by level, or by the values of a field. */

import { byId, choose, option } from "./dom.js";

/** Offered before the fields of the lines are known. */
const FIRST = ["level", "status_class", "app", "source"];
const LEVEL = "level";

export class ByMenu {
  /** @param {(field: string) => void} onChoose */
  constructor(onChoose) {
    this.menu = /** @type {HTMLSelectElement} */ (byId("by"));
    this.menu.addEventListener("change", () => onChoose(this.menu.value));
    this.offer([]);
  }

  get chosen() {
    return this.menu.value === LEVEL ? "" : this.menu.value;
  }

  /** @param {string[]} fields */
  offer(fields) {
    const { value } = this.menu;
    const names = [...new Set([...FIRST, ...fields, value])].filter(Boolean);
    if (names.join() === [...this.menu.options].map((one) => one.value).join()) return;
    this.menu.replaceChildren(...names.map((name) => option(name)));
    this.menu.value = value || LEVEL;
  }

  /** @param {string} field "" for the level */
  choose(field) {
    choose(this.menu, field || LEVEL);
  }
}
