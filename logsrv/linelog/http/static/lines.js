/**
 * The lines in the page: a part of the store, bounded in number. It can grow and be cut at both ends, and the
 * visible lines do not move meanwhile.
 */

import { button, cell, element } from "./dom.js";
import { compare, forget, forgetAll, know, storeOf } from "./position.js";
import { Records, wholeLines } from "./records.js";
import { fill, fillSummary, recolumn, retime, row, showFold } from "./row.js";
import { showNumbers } from "./sorted_numbers.js";
import { originOf } from "./summary.js";
import { counted } from "./times.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./queue.js").Gap} Gap */

/** Pixels; a browser has room for 33 million. */
const MOST_SPACE = 10_000_000;
/** Pixels before and behind the window of which nothing is cut. */
const NEAR = 1200;

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
    this.setSpace(0);
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
   * Add lines and gaps after the last line. Lines that are shown already are left out; late ones, of a record that only
   * now belongs here, come between the others.
   * @param {(Line | Gap)[]} items
   * @param {boolean} [isSorted] they are not in the order of the store
   * @returns {Line[]} the added lines
   */
  append(items, isSorted = false) {
    const fragment = document.createDocumentFragment();
    const added = [];
    const between = [];
    const lines = /** @type {Line[]} */ (items.filter((item) => "position" in item));
    know(lines);
    const end = [...this.outside].reduce((last, one) => (compare(one, last) > 0 ? one : last), this.last);
    let day = this.rows.get(this.last)?.dataset.on ?? "";
    for (const item of items) {
      if (!("position" in item)) {
        // The server has another store, whose positions begin again.
        if (item.from && this.last && storeOf(item.from) === storeOf(this.last) && compare(item.from, this.last) <= 0) {
          fragment.replaceChildren();
          added.length = between.length = 0;
          day = "";
          this.clear();
          know(lines);
        }
        fragment.append(this.gap(item, this.last));
        this.records.end(this.last);
        continue;
      }
      if (item.beyond) {
        between.push(item);
        continue;
      }
      if (!isSorted && this.last && compare(item.position, this.last) <= 0) {
        // Lines of several stores come in the order of each store.
        const isOfOther = storeOf(item.position) !== storeOf(this.last) && !this.rows.has(item.position);
        if (item.late || isOfOther) between.push(item);
        if (isOfOther) added.push(item);
        continue;
      }
      this.first ||= item.position;
      this.last = item.position;
      added.push(item);
      if (this.outside.delete(item.position)) continue;
      if (!isSorted && end && compare(item.position, end) < 0) {
        between.push(item);
        continue;
      }
      const made = this.make(item);
      if (made.dataset.on !== day) made.dataset.day = day = made.dataset.on ?? "";
      fragment.append(made);
    }
    this.log.append(fragment);
    this.records.draw();
    this.insertInOrder(between);
    if (isSorted) this.format = showNumbers(this);
    return added;
  }

  /**
   * Add lines before the first line; they come in the order of the store.
   * @param {Line[]} lines
   */
  prepend(lines) {
    const { first } = this;
    know(lines);
    const found = lines.filter((line) => !line.beyond);
    const older = found.filter((line) => !first || compare(line.position, first) < 0);
    const between = found.filter((line) => first && compare(line.position, first) > 0 && compare(line.position, this.last) < 0);
    const beyond = lines.filter((line) => line.beyond);
    if (!older.length) return this.insertInOrder([...between, ...beyond]);
    this.first = older[0].position;
    this.last ||= older[older.length - 1].position;
    const isMixed = [...this.outside].some((position) => compare(position, first) < 0);
    for (const { position } of older) this.outside.delete(position);
    if (isMixed) return this.insertInOrder([...older, ...between, ...beyond]);
    this.keepingTopLine(() => {
      const next = this.rows.get(first);
      const fragment = document.createDocumentFragment();
      let day = "";
      for (const line of older) {
        const made = this.make(line);
        if (made.dataset.on !== day) made.dataset.day = day = made.dataset.on ?? "";
        fragment.append(made);
      }
      if (next && next.dataset.on === day) delete next.dataset.day;
      this.log.prepend(fragment);
      this.records.draw();
      this.insertInOrder([...between, ...beyond]);
    }, new Set(lines.map((line) => line.position)));
  }

  /**
   * Insert neighbours between the lines, in the order of the store. Lines that are shown already stay.
   * @param {Line[]} lines
   * @param {string} origin of the line whose neighbours they are
   */
  insert(lines, origin) {
    this.insertInOrder(lines.map((line) => ({ ...line, context: true })), (made, line) => made.classList.toggle("same-source", originOf(line) === origin));
  }

  /**
   * Put lines between the others, in the order of the store. Lines that are shown already stay; the part does not grow.
   * @param {Line[]} lines
   * @param {(made: HTMLElement, line: Line) => void} [dress]
   */
  insertInOrder(lines, dress = () => {}) {
    know(lines);
    const missing = lines.filter((line) => !this.rows.has(line.position)).sort((a, b) => compare(a.position, b.position));
    if (!missing.length) return;
    this.keepingTopLine(() => {
      let next = this.log.firstElementChild;
      for (const line of missing) {
        const isBefore = (/** @type {string | undefined} */ position) => !position || compare(position, line.position) < 0;
        while (next && isBefore(/** @type {HTMLElement} */ (next).dataset.position)) next = next.nextElementSibling;
        const made = this.make(line);
        dress(made, line);
        this.log.insertBefore(made, next);
        this.first ||= line.position;
        this.last ||= line.position;
        if (compare(line.position, this.first) < 0 || compare(line.position, this.last) > 0) this.outside.add(line.position);
      }
      this.records.draw();
      // Another line may now be the first of its day, which has the date.
      this.retime();
    }, new Set(missing.map((line) => line.position)));
  }

  /**
   * Cut the oldest until so many rows are left, and so many lines; not what is near the window.
   * @param {{rows: number, lines: number}} most
   * @param {boolean} [isFollowing] the window shows the newest; put space where lines are cut, so that the other
   *   lines are not laid out again, nor shifted
   * @returns {boolean} some were cut
   */
  cutStart(most, isFollowing = false) {
    let rows = this.shown - most.rows;
    let lines = this.rows.size - most.lines;
    const window = this.scroller.getBoundingClientRect();
    const top = isFollowing ? this.log.getBoundingClientRect().bottom - window.height : window.top;
    let kept = this.log.firstElementChild;
    for (; kept; kept = kept.nextElementSibling) {
      if (!this.data.has(kept)) continue;
      const isPart = kept.classList.contains("part");
      if (!isPart && ((rows <= 0 && lines <= 0) || kept.getBoundingClientRect().bottom > top - NEAR)) break;
      lines -= 1;
      if (!isPart) rows -= 1;
    }
    const { first } = this;
    if (kept && kept !== this.log.firstElementChild) this.cutUpTo(/** @type {HTMLElement} */ (kept), isFollowing);
    return this.first !== first;
  }

  /**
   * Cut what is before a row; records of which lines are behind it stay whole.
   * @param {HTMLElement | null} kept null: cut all
   * @param {boolean} isFollowing as for `cutStart`
   * @returns {Line | null} the newest line that was cut
   */
  cutUpTo(kept, isFollowing) {
    const begin = kept?.dataset.position;
    const top = isFollowing && kept ? kept.offsetTop : 0;
    /** @type {Line | null} */
    let cut = null;
    for (let at = this.log.firstElementChild; at && at !== kept; ) {
      const row = at;
      at = at.nextElementSibling;
      const position = /** @type {HTMLElement} */ (row).dataset.position;
      if (position && begin && compare(this.records.lastOf(row), begin) >= 0) {
        this.outside.add(position);
        continue;
      }
      cut = this.data.get(row) ?? cut;
      // A gap says what is missing between two lines, so one at the very top is removed.
      this.remove(row);
    }
    this.records.draw();
    if (isFollowing) {
      const space = kept ? this.space + top - kept.offsetTop : 0;
      this.setSpace(this.log.offsetHeight - this.space > this.scroller.clientHeight ? space : 0);
    }
    if (this.space > MOST_SPACE) this.endSpace();
    this.first = this.inside(kept, "nextElementSibling");
    return cut;
  }

  /**
   * Return the position of the first row of the part from a row on; "" if there is none.
   * @param {Element | null} from
   * @param {"nextElementSibling" | "previousElementSibling"} direction
   */
  inside(from, direction) {
    for (let at = from; at; at = at[direction]) {
      const position = /** @type {HTMLElement} */ (at).dataset.position;
      if (position && !this.outside.has(position)) return position;
    }
    return "";
  }

  /** @param {number} space pixels before the first line */
  setSpace(space) {
    if (space === this.space) return;
    this.space = space;
    this.log.style.paddingTop = space ? `${space}px` : "";
  }

  /** Remove the space of cut lines, and keep the visible lines where they are. */
  endSpace() {
    if (!this.space) return;
    const top = this.scroller.scrollTop - this.space;
    this.setSpace(0);
    this.scroller.scrollTop = top;
  }

  /**
   * Cut the first lines if they are older than `since`.
   * @param {number} since in milliseconds since 1970
   * @returns {Line | null} the last line that was cut
   */
  cutBefore(since) {
    let kept = this.log.firstElementChild;
    for (; kept; kept = kept.nextElementSibling) {
      const line = this.data.get(kept);
      if (line && !this.outside.has(line.position) && !(Date.parse(line.time) < since)) break;
    }
    return kept === this.log.firstElementChild ? null : this.cutUpTo(/** @type {HTMLElement | null} */ (kept), true);
  }

  /**
   * Show other columns in all lines.
   * @param {string[]} columns
   */
  setColumns(columns) {
    if (columns.join() === this.columns.join()) return;
    this.columns = columns;
    this.keepingTopLine(() => {
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

  /**
   * Cut the newest until so many rows are left, and so many lines; not what is near the window.
   * @param {{rows: number, lines: number}} most
   * @returns {boolean} some were cut
   */
  cutEnd(most) {
    let rows = this.shown - most.rows;
    let lines = this.rows.size - most.lines;
    const { bottom } = this.scroller.getBoundingClientRect();
    let kept = this.log.lastElementChild;
    for (; kept; kept = kept.previousElementSibling) {
      if (rows <= 0 && lines <= 0) break;
      if (!this.data.has(kept)) continue;
      const isPart = kept.classList.contains("part");
      if (!isPart && kept.getBoundingClientRect().top < bottom + NEAR) break;
      lines -= 1;
      if (!isPart) rows -= 1;
    }
    const end = this.inside(kept, "previousElementSibling");
    if (!end || end === this.last) return false;
    for (let at = this.log.lastElementChild; at && at !== kept; ) {
      const row = at;
      at = at.previousElementSibling;
      const position = /** @type {HTMLElement} */ (row).dataset.position;
      // Records of which lines are before it stay whole.
      if (position && compare(this.records.firstOf(row), end) <= 0) this.outside.add(position);
      else this.remove(row);
    }
    this.records.draw();
    this.last = end;
    return true;
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

  /**
   * Make a change that moves lines, and scroll so that the topmost visible line does not move.
   * @param {() => void} change
   * @param {Set<string>} [begun] positions of records that will have their rows elsewhere
   */
  keepingTopLine(change, begun = new Set()) {
    const top = this.scroller.getBoundingClientRect().top;
    let anchor = this.atTop();
    while (begun.size && anchor?.nextElementSibling && begun.has(this.data.get(anchor)?.continues ?? "")) anchor = /** @type {HTMLElement} */ (anchor.nextElementSibling);
    const before = anchor ? anchor.getBoundingClientRect().top - top : 0;
    change();
    if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - top - before;
  }

  /** Return the topmost visible line. */
  atTop() {
    const top = this.scroller.getBoundingClientRect().top;
    const children = this.log.children;
    let low = 0;
    let high = children.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (children[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    return /** @type {HTMLElement | undefined} */ (children[low]);
  }

  /**
   * @param {Gap} gap
   * @param {string} after
   */
  gap(gap, after) {
    const lines = gap.lines === null ? "Lines" : counted(gap.lines, "line");
    const made = element("div", "gap", cell("span", "", gap.why === "missed" ? `${lines} missed` : `${lines} skipped`));
    made.setAttribute("role", "row");
    if (after) made.append(cell("span", "", button("Show", "link", () => this.showGap(after), "Stop here and show these lines")));
    return made;
  }

  // The line selected with keys or a click. It has the focus, so that a screen reader reads it out.

  /**
   * @param {HTMLElement | null} line
   * @param {"nearest" | "center"} [where]
   */
  select(line, where = "nearest") {
    this.mark(line && this.records.head(line));
    this.selected?.scrollIntoView({ block: where });
  }

  /** @param {HTMLElement | null} line */
  mark(line) {
    this.selected?.removeAttribute("aria-current");
    this.selected = line;
    line?.setAttribute("aria-current", "true");
    line?.focus({ preventScroll: true });
  }

  /**
   * Return the line next to the selected one; without a selection, the topmost visible or the last one.
   * @param {number} steps positive: the next line; negative: the one before
   */
  neighbour(steps) {
    const from = this.selected?.isConnected ? this.selected : null;
    if (!from) {
      const made = steps > 0 ? this.atTop() : this.rows.get(this.last);
      return made ? this.records.head(made) : null;
    }
    return this.find(from, steps, () => true);
  }

  /**
   * @param {Element} from
   * @param {number} direction
   * @param {(line: Line) => boolean} accept
   * @returns {HTMLElement | null}
   */
  find(from, direction, accept) {
    let at = direction > 0 ? from.nextElementSibling : from.previousElementSibling;
    while (at) {
      const line = this.data.get(at);
      if (line && !at.classList.contains("part") && accept(line)) return /** @type {HTMLElement} */ (at);
      at = direction > 0 ? at.nextElementSibling : at.previousElementSibling;
    }
    return null;
  }
}
