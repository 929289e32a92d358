/** Lines that have arrived and are not shown yet: only the newest are kept, the others are counted. */

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
    }
  }

  /**
   * Remove and return the oldest events; a gap first, if lines were skipped before them.
   * @param {number} number
   * @returns {(StreamEvent | Gap)[]}
   */
  take(number) {
    /** @type {(StreamEvent | Gap)[]} */
    const taken = [];
    if (this.skipped) {
      taken.push({ lines: this.skipped, why: "skipped" });
      this.skipped = 0;
    }
    for (const event of this.events.splice(0, number)) {
      taken.push(event.type === "missed" ? { lines: missed(event), why: "missed", from: JSON.parse(event.data).from } : event);
    }
    return taken;
  }
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
