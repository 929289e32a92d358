/**
 * Marks the hits of a query in messages. Plain texts are found at once, expressions in a worker. The worker is
 * ended if an expression takes too long, so no query can freeze the page.
 */

import { wanted } from "./stages.js";

/** @typedef {[number, number]} Range start and end in a text */

const PATIENCE = 400;
const MOST_MARKS = 200;

export class Highlighter {
  constructor() {
    /** @type {{text: string, exact: boolean}[]} */
    this.texts = [];
    /** @type {string[]} */
    this.regexes = [];
    /** @type {Worker | null} */
    this.worker = null;
    /** @type {Map<number, (ranges: Range[]) => void>} */
    this.asked = new Map();
    this.number = 0;
    this.timer = 0;
    this.awake = false;
  }

  /** @param {string} query */
  setQuery(query) {
    const { texts, regexes } = wanted(query);
    this.texts = texts.map((text) => (/[A-Z]/.test(text) ? { text, exact: true } : { text: lower(text), exact: false }));
    this.regexes = regexes;
    this.end();
  }

  /**
   * Return the ranges of the query's plain texts in `text`, in order and without overlaps.
   * @param {string} text
   * @returns {Range[]}
   */
  ranges(text) {
    if (!this.texts.length) return [];
    const lowered = this.texts.some((one) => !one.exact) ? lower(text) : "";
    /** @type {Range[]} */
    const found = [];
    for (const wantedText of this.texts) {
      const where = wantedText.exact ? text : lowered;
      let at = where.indexOf(wantedText.text);
      for (; at >= 0 && found.length < MOST_MARKS; at = where.indexOf(wantedText.text, at + wantedText.text.length)) {
        found.push([at, at + wantedText.text.length]);
      }
    }
    return merged(found);
  }

  /**
   * Search for the expressions too. If there are hits, `then` is called later with all ranges.
   * @param {string} text
   * @param {(ranges: Range[]) => void} then
   */
  later(text, then) {
    if (!this.regexes.length) return;
    if (!this.worker) this.begin();
    this.number += 1;
    this.asked.set(this.number, (found) => then(merged([...this.ranges(text), ...found])));
    this.worker?.postMessage({ number: this.number, text });
    if (this.awake && !this.timer) this.timer = setTimeout(() => this.giveUp(), PATIENCE);
  }

  begin() {
    this.worker = new Worker(new URL("./regex-worker.js", import.meta.url));
    this.worker.postMessage({ regexes: this.regexes });
    this.worker.addEventListener("message", ({ data }) => {
      // The first message says that the worker has been loaded; only from then on its time is limited.
      this.awake = true;
      const then = this.asked.get(data.number);
      this.asked.delete(data.number);
      clearTimeout(this.timer);
      this.timer = this.asked.size ? setTimeout(() => this.giveUp(), PATIENCE) : 0;
      if (then && data.ranges.length) then(data.ranges);
    });
  }

  giveUp() {
    this.regexes = [];
    this.end();
  }

  end() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.worker?.terminate();
    this.worker = null;
    this.awake = false;
    this.asked.clear();
  }
}

/**
 * Lower ASCII letters only, like the query language. The length of the text does not change.
 * @param {string} text
 */
const lower = (text) => text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());

/**
 * @param {Range[]} ranges
 * @returns {Range[]}
 */
function merged(ranges) {
  ranges.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  /** @type {Range[]} */
  const result = [];
  for (const [start, end] of ranges) {
    const last = result[result.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}
