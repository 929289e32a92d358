/** Matching lines that are older than the scope: a note that there are some, and a button that widens the scope. */

import { ApiError, all, search } from "./api.js";
import { button, byId, element } from "./dom.js";
import { nameOfRange } from "./scope.js";
import { moment } from "./times.js";

/** @typedef {import("./address.js").PageState} PageState */
/** @typedef {import("./view.js").View} View */

export class Older {
  /**
   * @param {View} view
   * @param {(time: string) => Partial<PageState>} wider returns the change of state after which a line of that time is shown
   * @param {(change: Partial<PageState>) => void} onWiden
   * @param {() => void} onWork called when a request begins or ends
   */
  constructor(view, wider, onWiden, onWork) {
    this.view = view;
    this.wider = wider;
    this.onWiden = onWiden;
    this.onWork = onWork;
    this.part = byId("older");
    /** @type {AbortController | null} of the view for which older lines were searched */
    this.looked = null;
    this.time = "";
    this.looking = false;
    view.addEventListener("changed", () => this.look());
  }

  /** Search for older lines, once the scope's lines are loaded up to its start. */
  async look() {
    const { view } = this;
    const { abort, request } = view;
    if (this.looked !== abort && this.looked) {
      this.looked = null;
      this.looking = false;
      this.found("");
    }
    if (this.looked || !view.atStart || !view.ready || view.searching || !request.since || view.kind !== "lines") return;
    this.looked = abort;
    this.show("Looking for older lines …");
    this.looking = true;
    this.onWork();
    try {
      const [line] = await all(await search({ q: request.q, until: request.since, reverse: 1, limit: 1 }, view.signal));
      if (!abort.signal.aborted) this.found(line ? line.time : "");
    } catch (error) {
      const why = error instanceof ApiError ? error.message : "Cancelled.";
      if (!abort.signal.aborted) this.show(`Whether older lines match is not known. ${why}`);
    }
    if (this.looked !== abort) return;
    this.looking = false;
    this.onWork();
  }

  /** @param {string} time of the newest line before the scope; "" if there is none */
  found(time) {
    this.time = time;
    this.draw();
  }

  draw() {
    if (!this.time) return this.show();
    const said = element("span", "", `Older lines match, the newest of ${moment(new Date(this.time))}. `);
    const change = this.wider(this.time);
    this.show(said, button(`Show ${nameOfRange(change)}`, "small", () => this.onWiden(change), "Widen the time range"));
  }

  /** @param {(string | Node)[]} note */
  show(...note) {
    this.view.changeAbove(() => this.part.replaceChildren(...note));
  }
}
