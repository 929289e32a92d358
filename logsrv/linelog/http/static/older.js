/** Matching lines that are older than the scope: a note that there are some, and a button that widens the scope. */

import { search } from "./api.js";
import { button, byId, element } from "./dom.js";
import { moment } from "./times.js";
import { all } from "./view.js";

/** @typedef {import("./view.js").View} View */

export class Older {
  /**
   * @param {View} view
   * @param {(time: string) => void} onWiden gets the time of the newest line before the scope
   */
  constructor(view, onWiden) {
    this.view = view;
    this.onWiden = onWiden;
    this.place = byId("older");
    /** @type {AbortController | null} of the view for which older lines were searched */
    this.looked = null;
    this.time = "";
    view.addEventListener("changed", () => this.look());
  }

  /** Search for older lines, once the scope's lines are loaded up to its start. */
  async look() {
    const { view } = this;
    const { abort, request } = view;
    if (this.looked !== abort && this.looked) {
      this.looked = null;
      this.found("");
    }
    if (this.looked || !view.atStart || !view.ready || view.searching || !request.since || view.kind !== "lines") return;
    this.looked = abort;
    this.place.textContent = "Looking for older lines …";
    try {
      const [line] = await all(await search({ q: request.q, until: request.since, reverse: 1, limit: 1 }, abort.signal));
      if (!abort.signal.aborted) this.found(line ? line.time : "");
    } catch (error) {
      if (!abort.signal.aborted) this.place.textContent = `Whether older lines match is not known. ${/** @type {Error} */ (error).message}`;
    }
  }

  /** @param {string} time of the newest line before the scope; "" if there is none */
  found(time) {
    this.time = time;
    this.draw();
  }

  draw() {
    this.place.textContent = "";
    if (!this.time) return;
    const said = element("span", "", `Older lines match, the newest of ${moment(new Date(this.time))}. `);
    this.place.append(said, button("Show older lines", "small", () => this.onWiden(this.time), "Widen the time of lines, bars and values"));
  }
}
