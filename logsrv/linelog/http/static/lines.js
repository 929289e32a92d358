/**
 * The lines in the page: a part of the store, bounded in number, with its rows. lines_added.js lets it grow at both ends
 * and between, lines_cut.js cuts it; lines_window.js keeps the visible lines where they are; selection.js has the selected one.
 */

import { keepingTopLine, setSpace } from "./lines_window.js";
import { forget, forgetAll } from "./position.js";
import { Records, wholeLines } from "./records.js";
import { fill, fillSummary, recolumn, retime, row, showFold } from "./row.js";

/** @typedef {import("./api.js").Line} Line */

export class Lines {
  /**
   * @param {HTMLElement} scroller the element that scrolls
   * @param {HTMLElement} log the element with the lines
   * @param {import("./highlight.js").Highlighter} highlighter
   * @param {(after: string) => void} showGap called to show the lines of a gap
   */
  constructor(scroller, log, highlighter, showGap) {
    this.scroller = scroller;
    this.log = log;
    this.highlighter = highlighter;
    this.showGap = showGap;
    /** @type {Map<string, HTMLElement>} */
    this.rows = new Map();
    /** @type {WeakMap<Element, Line>} */
    this.data = new WeakMap();
    this.records = new Records(this);
    /** @type {WeakMap<Element, Line[]>} whole records of opened lines, whose other lines are not in the page */
    this.whole = new WeakMap();
    this.unfolds = false;
    /** @type {HTMLElement | null} */
    this.selected = null;
    /** Positions of the first and the last line of the part: between them all lines of the answer are in the page. */
    this.first = "";
    this.last = "";
    /** @type {Set<string>} positions of lines before or after the part: those of records at its edges, and neighbours */
    this.outside = new Set();
    /** Of the numbers by which lines are sorted. @type {import("./units.js").Format | null} */
    this.format = null;
    /** @type {string[]} fields with a cell of their own */
    this.columns = [];
    /** Pixels of lines that have been cut at the start. */
    this.space = 0;
    log.addEventListener("fold", ({ target }) => {
      const made = /** @type {HTMLElement} */ (target);
      made.classList.toggle("unfolded");
      this.show(made);
    });
  }

  get size() {
    return this.rows.size;
  }

  /** The number of rows that are seen: a record has one. */
  get shown() {
    return this.rows.size - this.log.getElementsByClassName("part").length;
  }

  /** Return how many records and lines of the answer are in the page; neighbours do not count. */
  count() {
    const number = (/** @type {string} */ selector) => this.log.querySelectorAll(selector).length;
    return { records: number(".line:not(.part, .context)"), lines: number(".line:not(.context)") };
  }

  clear() {
    this.log.replaceChildren();
    setSpace(this, 0);
    this.rows.clear();
    this.outside.clear();
    this.records.end();
    this.format = null;
    this.selected = null;
    this.first = this.last = "";
    forgetAll();
  }

  /** @param {Line} line */
  make(line) {
    const made = row(line, this.highlighter, this.columns, this.format);
    this.rows.set(line.position, made);
    this.data.set(made, line);
    this.records.add(made, line);
    if (this.unfolds && made.classList.contains("record")) this.show(made);
    return made;
  }

  /**
   * Show the message of a row again, and how many more lines its record has, or all of them.
   * @param {HTMLElement} made
   */
  show(made) {
    const line = /** @type {Line} */ (this.data.get(made));
    const message = /** @type {HTMLElement} */ (made.querySelector(":scope > .message"));
    const [head, ...further] = wholeLines([line, ...this.records.further(made)]);
    if (head !== line) recolumn(made, head, this.columns, this.format);
    if (made.classList.contains("open")) return fill(message, this.record(made), line, this.highlighter);
    const isShown = this.unfolds || made.classList.contains("unfolded");
    const breaks = fillSummary(message, head, this.highlighter, this.columns, isShown ? further : null);
    showFold(made, breaks + further.length, isShown);
  }

  /**
   * Return the lines of a row's record, as far as they are known.
   * @param {HTMLElement} made
   */
  record(made) {
    return wholeLines(this.whole.get(made) ?? [/** @type {Line} */ (this.data.get(made)), ...this.records.further(made)]);
  }

  /**
   * Show all records whole, or only their first lines.
   * @param {boolean} unfolds
   */
  unfoldAll(unfolds) {
    if (unfolds === this.unfolds) return;
    this.unfolds = unfolds;
    for (const made of this.rows.values()) if (made.classList.contains("record")) this.show(made);
  }

  /**
   * Show other columns in all lines.
   * @param {string[]} columns
   */
  setColumns(columns) {
    if (columns.join() === this.columns.join()) return;
    this.columns = columns;
    keepingTopLine(this, () => {
      for (const made of this.rows.values()) {
        recolumn(made, /** @type {Line} */ (this.data.get(made)), columns, this.format);
        this.show(made);
      }
    });
  }

  /** Show the times of all lines again, after the zone has changed. */
  retime() {
    let before = "";
    for (const made of /** @type {Iterable<HTMLElement>} */ (this.log.querySelectorAll(".line"))) {
      retime(made, /** @type {Line} */ (this.data.get(made)));
      const { on = "" } = made.dataset;
      if (on === before) delete made.dataset.day;
      else made.dataset.day = before = on;
    }
  }

  /** @param {Element} gone */
  remove(gone) {
    const position = /** @type {HTMLElement} */ (gone).dataset.position;
    if (position) {
      this.rows.delete(position);
      this.outside.delete(position);
      forget(position);
    }
    this.records.remove(gone);
    if (gone === this.selected) this.selected = null;
    gone.remove();
  }
}
