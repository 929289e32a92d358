/** The answer of figures, whose chart and rows are loaded when the first one is asked for: most readers look at lines. */

import { byId } from "./dom.js";
import { load } from "./later.js";

/** @typedef {import("./view.js").Request} Request */

export class LaterTable {
  /**
   * @param {(query: string) => void} onQuery
   * @param {(since: string, until: string) => void} onTime
   */
  constructor(onQuery, onTime) {
    this.part = byId("table");
    this.abort = new AbortController();
    this.made = load(() => import("./table.js"), ({ Table }) => new Table(onQuery, onTime));
    /** @type {import("./table.js").Table | null} */
    this.table = null;
  }

  close() {
    this.part.hidden = true;
    byId("scroller").hidden = false;
  }

  /**
   * Ask for the figures of a query, and show them.
   * @param {Request} request
   * @param {() => void} taken called when the answer is there
   */
  async open(request, taken) {
    const { signal } = (this.abort = new AbortController());
    this.table = await this.made();
    if (!signal.aborted) await this.table.open(request, taken, signal);
  }

  /** Ask again, by the steps of the zone that is shown now. */
  async again() {
    if (!this.part.hidden && this.table?.hasSteps) await this.open(this.table.request, () => {});
  }

  /** How far the answer is, in words; "" before the server has told. */
  get said() {
    return this.abort.signal.aborted ? "" : (this.table?.said ?? "");
  }

  /** Ask for no more of an answer of which a part is shown, and keep that. @returns {boolean} whether there was one */
  keepPart() {
    if (!this.table?.isPart) return false;
    this.abort.abort();
    this.table.end("Cancelled");
    return true;
  }

  show() {
    this.table?.show();
  }

  showRows() {
    this.table?.showRows();
  }
}
