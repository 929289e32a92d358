/** The menu of the histogram: by level, or by the values of a field. */

import { byId, element } from "./dom.js";

/** Offered before the fields of the lines are known. */
const FIRST = ["level", "status_class", "app", "source"];
const LEVEL = "level";

export class ByMenu {
  /** @param {(field: string) => void} onChoose gets "" for the level */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.menu = /** @type {HTMLSelectElement} */ (byId("by"));
    this.menu.addEventListener("change", () => onChoose(this.chosen));
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
    this.menu.replaceChildren(...names.map((name) => {
      const option = /** @type {HTMLOptionElement} */ (element("option", "", name));
      option.value = name;
      return option;
    }));
    this.menu.value = value || LEVEL;
  }

  /**
   * @param {string} field "" for the level
   * @param {boolean} [tell] call `onChoose`, too
   */
  choose(field, tell = false) {
    const value = field || LEVEL;
    if (![...this.menu.options].some((one) => one.value === value)) this.offer([...[...this.menu.options].map((one) => one.value), value]);
    this.menu.value = value;
    if (tell) this.onChoose(this.chosen);
  }
}
