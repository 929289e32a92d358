/** Lines that have arrived and are not shown yet: only the newest are kept, the others are counted. */

import { parseJson } from "./api.js";
import { compare } from "./position.js";

/**
 * @typedef {{lines: number | null, why: "skipped" | "missed", from?: string}} Gap from: the position of the next line, if known
 * @typedef {import("./stream.js").StreamEvent} StreamEvent
 */

/** Lines that wait for the next frames, or for the end of a pause. */
const MOST = 1000;

export class Queue {
  constructor() {
    /** @type {StreamEvent[]} */
    this.events = [];
    this.skipped = 0;
    /** The least position of a line after a gap among what was skipped: of another store, perhaps. */
    this.from = "";
  }

  get size() {
    return this.events.length;
  }

  /** The number of waiting lines, including those that will not be shown. */
  get waiting() {
    return this.events.reduce((sum, event) => sum + linesOf(event), this.skipped);
  }

  /** @param {StreamEvent[]} events */
  push(events) {
    this.events.push(...events);
    this.keep(MOST);
  }

  /**
   * Keep only the newest events, and count the others.
   * @param {number} number
   */
  keep(number) {
    const excess = this.events.length - number;
    if (excess <= 0) return;
    for (const event of this.events.splice(0, excess)) {
      this.skipped += linesOf(event);
      const from = event.type === "missed" && JSON.parse(event.data).from;
      if (from && (!this.from || compare(from, this.from) < 0)) this.from = from;
    }
  }

  /**
   * Remove the lines that the page has already, as a search brought them too.
   * @param {string} last the position of the last line in the page
   * @param {Map<string, unknown>} rows those in the page, by position
   */
  keepLater(last, rows) {
    this.events = this.events.filter((event) => !event.id || isLater(event, last, rows));
  }

  /**
   * Remove and return the oldest events; a gap first, if lines were skipped before them.
   * @param {number} number
   * @returns {(StreamEvent | Gap)[]}
   */
  take(number) {
    /** @type {(StreamEvent | Gap)[]} */
    const taken = [];
    if (this.skipped || this.from) {
      taken.push({ lines: this.skipped, why: "skipped", ...(this.from && { from: this.from }) });
      this.skipped = 0;
      this.from = "";
    }
    for (const event of this.events.splice(0, number)) {
      taken.push(event.type === "missed" ? { lines: missed(event), why: "missed", from: JSON.parse(event.data).from } : event);
    }
    return taken;
  }
}

/**
 * @param {StreamEvent} event
 * @param {string} last
 * @param {Map<string, unknown>} rows
 */
function isLater(event, last, rows) {
  if (!/[,/]/.test(event.id) && !last.includes("/")) return compare(event.id, last) > 0;
  const { position } = /** @type {import("./api.js").Line} */ (parseJson(event.data));
  return !rows.has(position);
}

/** @param {StreamEvent} event */
const linesOf = (event) => (event.type === "missed" ? missed(event) || 0 : 1);

/**
 * @param {StreamEvent} event
 * @returns {number | null}
 */
function missed(event) {
  const { lines } = JSON.parse(event.data);
  return typeof lines === "number" ? lines : null;
}
