/**
 * The view: new lines as they arrive, a range of time, or the surroundings of one line. It follows or pauses, and
 * loads more lines when the user scrolls near an end.
 */

import { all, get, parseJson, search } from "./api.js";
import { append, prepend } from "./lines_added.js";
import { cutBefore, cutEnd, cutStart } from "./lines_cut.js";
import { endSpace, keepingTopLine } from "./lines_window.js";
import { attempt } from "./notice.js";
import { Pace } from "./pace.js";
import { Queue } from "./queue.js";
import { select } from "./selection.js";
import { kindOf } from "./stages.js";
import { Stream } from "./stream.js";

/**
 * @typedef {import("./api.js").Line} Line
 * @typedef {{q: string, since: string, until: string, position: string}} Request
 * @typedef {"button" | "reading" | null} Pause why the lines stand still: the button was pressed, or the user reads
 */

/** Lines of one request; if they fold to so few rows that the window is not full, each further one has twice as many. */
export const PAGE = 200;
const LARGEST = 3200;
/** Rows in the page while following: more than the first are cut to the second. Then the most while the user scrolls. */
const RUNNING = 400;
const CUT = 250;
const READING = 2000;
/** Lines of these rows, of which a record has up to 1,000. */
const LINES_RUNNING = 2000;
const LINES_READING = 20_000;
/** Pixels from an end at which more lines are loaded. */
const EDGE = 600;

/**
 * Return how many lines of an answer are of what was asked for: others are of records at its edges.
 * @param {Line[]} lines
 */
const asked = (lines) => lines.filter((line) => !line.beyond).length;

export class View extends EventTarget {
  /** @param {import("./lines.js").Lines} lines */
  constructor(lines) {
    super();
    this.lines = lines;
    /** @type {Request} */
    this.request = { q: "", since: "", until: "", position: "" };
    /** The query's answer: only lines as they come are live. @type {import("./stages.js").Kind} */
    this.kind = "lines";
    this.queue = new Queue();
    /** @type {Stream | null} */
    this.stream = null;
    this.abort = new AbortController();
    /** @type {AbortController | null} of the request for another view, while it is under way */
    this.opening = null;
    /** Aborted when the user cancels what takes long: searches in the view, not the view. */
    this.work = new AbortController();
    /** The first search was cancelled. */
    this.cancelled = false;
    /** @type {Pause} */
    this.paused = null;
    this.atStart = this.atEnd = false;
    /** ready: new lines may be shown. searching: the first search is under way. loading: a search for more lines is. */
    this.ready = this.searching = this.loading = false;
    this.scheduled = false;
    /** The window is not filled by itself, as a search has failed, was cancelled, or has found very many lines. */
    this.halted = false;
    this.amount = PAGE;
    this.pace = new Pace();
    lines.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    // Without more lines than the window has room for, nothing scrolls.
    for (const name of ["wheel", "touchmove"]) lines.scroller.addEventListener(name, () => this.pull(), { passive: true });
    /** The last line was visible after the last scrolling. */
    this.atBottom = false;
    /** Where the view has scrolled to by itself, in pixels. */
    this.stuck = 0;
    new ResizeObserver(() => {
      if (this.following || (this.atEnd && this.atBottom)) this.stick();
      this.fillSoon();
    }).observe(lines.scroller);
    // Lines are folded, cut, shown with other columns.
    new ResizeObserver(() => this.fillSoon()).observe(lines.log);
  }

  /** True if new lines of this server belong to the view; a pause does not change that. */
  get live() {
    return !this.request.until && this.kind === "lines";
  }

  /** True if all of the answer is in the page. */
  get isWhole() {
    return this.ready && (this.kind === "limit" || (this.atStart && this.atEnd));
  }

  /** True while a request for something else has no answer yet. */
  get unanswered() {
    return Boolean(this.opening) && this.opening !== this.abort;
  }

  /** Ends searches in the view: those of one that is no longer shown, or that were cancelled. */
  get signal() {
    return AbortSignal.any([this.abort.signal, this.work.signal]);
  }

  /** End what is being searched for, and keep what was found so far. */
  cancel() {
    this.cancelled ||= this.searching;
    this.work.abort();
    this.work = new AbortController();
    this.giveUp();
  }

  /** Ignore the answer to that request. */
  giveUp() {
    if (this.unanswered) this.opening?.abort();
  }

  get following() {
    return this.live && this.atEnd && !this.paused;
  }

  /** @param {string} name */
  say(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /**
   * Show something else. The old lines stay until the server has accepted the query.
   * @param {Request} request
   * @param {() => void} [taken] called when it has accepted the query
   */
  async open(request, taken = () => {}) {
    this.opening?.abort();
    const opening = (this.opening = new AbortController());
    const signal = AbortSignal.any([opening.signal, this.work.signal]);
    const stream = request.until || request.position || kindOf(request.q) !== "lines" ? null : this.newStream();
    this.say("changed");
    try {
      const [first, around] = await Promise.all([
        this.begin(request, stream, signal),
        request.position ? this.lineAt(request, signal) : [],
      ]);
      if (opening.signal.aborted) return stream?.stop();
      this.swap(request, stream, opening);
      taken();
      this.halted = true;
      try {
        if (request.position) await this.openAt(first, around);
        else if (request.until || this.kind === "ordered") await this.openRange(first);
        else await this.openEnd(first);
        this.halted = this.cancelled;
      } finally {
        // Even if the search took too long: its lines so far are shown, and new lines follow.
        if (!opening.signal.aborted) this.finished();
      }
    } catch (error) {
      if (opening.signal.aborted) return stream?.stop();
      if (stream && this.stream !== stream) stream.stop();
      throw error;
    } finally {
      if (this.opening === opening) {
        this.opening = null;
        this.say("changed");
      }
    }
  }

  /**
   * Start the search whose lines are shown first. The stream is opened before it, so that no line is missed.
   * @param {Request} request
   * @param {Stream | null} stream
   * @param {AbortSignal} signal
   */
  async begin(request, stream, signal) {
    if (stream) await stream.start(request.q, null);
    if (request.position) return this.ask(request, { before: request.position, reverse: 1 }, signal);
    const isOldestFirst = request.until || kindOf(request.q) === "ordered";
    return this.ask(request, isOldestFirst ? {} : { reverse: 1 }, signal);
  }

  /**
   * @param {Request} request
   * @param {Record<string, string | number>} where
   * @param {AbortSignal} signal
   */
  ask(request, where, signal, limit = PAGE) {
    const { q, since, until } = request;
    return search({ q, since, until, limit, join: 1, ...where }, signal);
  }

  /**
   * Return the line at the position of a request.
   * @param {Request} request
   * @param {AbortSignal} signal
   */
  async lineAt(request, signal) {
    const { position } = request;
    const { lines } = await get("/api/record", { position }, signal);
    return lines.filter((/** @type {Line} */ line) => line.position === position);
  }

  newStream() {
    /** @type {Stream} */
    const stream = new Stream(
      () => stream === this.stream && (this.following ? this.schedule() : this.say("waiting")),
      () => stream === this.stream && this.say("connection"),
    );
    return stream;
  }

  /** @param {Stream | null} stream */
  attach(stream) {
    this.stream = stream;
    this.queue = stream?.queue ?? new Queue();
    if (stream) this.say("connection");
  }

  /**
   * @param {Request} request
   * @param {Stream | null} stream
   * @param {AbortController} abort
   */
  swap(request, stream, abort) {
    this.abort.abort();
    this.abort = abort;
    this.stream?.stop();
    this.request = request;
    this.kind = kindOf(request.q);
    this.paused = stream ? null : "reading";
    this.attach(stream);
    this.atStart = this.atEnd = this.atBottom = this.ready = this.loading = this.cancelled = false;
    this.searching = true;
    this.lines.highlighter.setQuery(request.q);
    this.lines.clear();
    this.say("changed");
  }

  /** @param {AsyncGenerator<Line[]>} groups the newest first */
  async openEnd(groups) {
    let found = 0;
    // New lines are shown at once: all lines that the search still finds are older, or the same.
    this.atEnd = this.ready = true;
    this.schedule();
    for await (const group of groups) {
      const isFirst = !found;
      found += asked(group);
      if (isFirst && found) this.stream?.know(group[0].position);
      prepend(this.lines, group.reverse());
      if (!this.paused || (isFirst && !this.stream)) this.stick();
    }
    this.atStart = found < PAGE || this.kind !== "lines";
  }

  /** @param {AsyncGenerator<Line[]> | Line[][]} groups the oldest first, or in the order of a number */
  async openRange(groups) {
    let found = 0;
    for await (const group of groups) found += append(this.lines, group, this.kind === "ordered").length;
    this.lines.scroller.scrollTop = 0;
    this.atStart = true;
    this.atEnd = found < PAGE || this.kind !== "lines";
  }

  /**
   * @param {AsyncGenerator<Line[]>} groups the lines before it, the nearest first
   * @param {Line[]} shown the line
   */
  async openAt(groups, shown) {
    append(this.lines, shown);
    const line = this.lines.rows.get(this.request.position) ?? null;
    select(this.lines, line, "center");
    const { signal } = this;
    const before = await all(groups);
    prepend(this.lines, before.reverse());
    this.atStart = asked(before) < PAGE;
    const after = await all(await this.ask(this.request, { after: this.request.position }, signal));
    append(this.lines, after);
    if (line && this.lines.selected === this.lines.records.head(line)) select(this.lines, line, "center");
    if (asked(after) < PAGE) await this.reachedEnd();
  }

  /**
   * Show no lines, because something else is shown instead.
   * @param {Request} request what is shown
   */
  close(request) {
    this.opening?.abort();
    this.opening = null;
    this.swap(request, null, new AbortController());
    this.searching = false;
    this.atStart = this.atEnd = true;
    this.say("changed");
  }

  finished() {
    this.ready = true;
    this.searching = false;
    this.pace.backlog = this.queue.size;
    this.amount = PAGE;
    this.say("changed");
    this.schedule();
    this.fill();
  }

  // New lines.

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame((now) => {
      this.scheduled = false;
      this.frame(now);
    });
  }

  /**
   * Show lines that have arrived since the last frame, as many as there is time for.
   * @param {number} now
   */
  frame(now) {
    if (!this.following || !this.ready || !(this.queue.size || this.queue.skipped)) return;
    const items = this.pace
      .take(this.queue, now)
      .map((item) => ("data" in item ? /** @type {Line} */ (parseJson(item.data)) : item));
    const isFirst = !this.lines.log.childElementCount;
    const { first } = this.lines;
    const added = append(this.lines, items);
    if (this.lines.shown > RUNNING || this.lines.size > LINES_RUNNING) cutStart(this.lines, { rows: CUT, lines: LINES_RUNNING }, true);
    const isCut = this.atStart && first && this.lines.first !== first;
    if (isCut) this.atStart = false;
    this.stick();
    if (added.length) this.say("lines", { lines: added });
    if (isFirst || isCut) this.say("changed");
    if (this.queue.size) this.schedule();
  }

  /**
   * Remove lines from before the scope, which moves on with the clock. While the user reads, they stay.
   * @param {number} since in milliseconds since 1970
   * @returns {Line | null} the newest removed line
   */
  expire(since) {
    const cut = this.following && this.ready ? cutBefore(this.lines, since) : null;
    if (cut && !this.lines.size) this.say("changed");
    return cut;
  }

  stick() {
    const { scroller } = this.lines;
    scroller.scrollTop = scroller.scrollHeight;
    this.stuck = scroller.scrollTop;
  }

  /**
   * Make a change of the height of lines; while following, the newest stay in sight.
   * @param {() => void} change
   */
  keepingEnd(change) {
    keepingTopLine(this.lines, change);
    if (this.following) this.stick();
  }

  /**
   * Change a note above the lines: only at the top, where the note is seen, do the visible lines move.
   * @param {() => void} change
   */
  changeAbove(change) {
    if (this.lines.scroller.scrollTop) this.keepingEnd(change);
    else change();
  }

  // Following and pausing.

  /** @param {"button" | "reading"} why */
  pause(why) {
    if (this.paused === "button" || this.paused === why) return;
    this.paused = why;
    endSpace(this.lines);
    this.say("changed");
  }

  /** Follow the newest lines. */
  async follow() {
    if (this.live && this.atEnd && this.stream && !this.stream.abort.signal.aborted) {
      this.paused = null;
      this.pace.backlog = this.queue.size;
      this.stick();
      this.say("changed");
      this.schedule();
    } else if (!this.unanswered) {
      await this.open({ ...this.request, position: "" });
    }
  }

  // Scrolling.

  scrolled() {
    if (!this.ready) return;
    const { scrollTop, scrollHeight, clientHeight } = this.lines.scroller;
    const below = scrollHeight - scrollTop - clientHeight;
    this.atBottom = below < 5;
    // Scrolled up; or only a text above the lines has come meanwhile, and moved them down.
    if (this.following && below > 30 && scrollTop < this.stuck) this.pause("reading");
    else if (this.following && below > 30) this.stick();
    else if (this.paused === "reading" && this.live && this.atEnd && this.stream && below < 5 && !this.lines.selected) this.follow();
    if (!this.paused) return;
    this.halted = false;
    this.fill();
  }

  /** Load more lines, because the user wants them, if nothing scrolls. */
  pull() {
    if (!this.halted || !this.ready) return;
    this.halted = false;
    this.fill();
  }

  fillSoon() {
    requestAnimationFrame(() => this.fill());
  }

  /** Load more lines until they fill the window and a bit more; while the user reads, also at both of its ends. */
  fill() {
    if (!this.ready || this.halted) return;
    const { scrollTop, scrollHeight, clientHeight } = this.lines.scroller;
    const height = scrollHeight - this.lines.space;
    const isFull = height >= clientHeight + EDGE;
    if (!this.atStart && (!isFull || (this.paused && scrollTop < EDGE))) {
      if (!isFull) endSpace(this.lines);
      return this.more(-1);
    }
    if (!this.atEnd && this.paused && (!isFull || scrollHeight - scrollTop - clientHeight < EDGE)) return this.more(1);
    this.amount = PAGE;
  }

  /**
   * Load lines before the first or after the last one.
   * @param {-1 | 1} direction
   */
  async more(direction) {
    const done = direction < 0 ? this.atStart : this.atEnd;
    if (this.loading || this.searching || done || !this.lines.size) return;
    this.loading = true;
    this.say("loading");
    const { abort, signal } = this;
    let isDone = false;
    await attempt(async () => {
      await (direction < 0 ? this.moreBefore(signal) : this.moreAfter(signal));
      isDone = !signal.aborted;
    });
    if (abort.signal.aborted) return;
    this.halted = !isDone || this.lines.size > LINES_READING;
    this.loading = false;
    this.cancelled = false;
    this.amount = Math.min(LARGEST, 2 * this.amount);
    this.say("changed");
    this.fill();
  }

  /** @param {AbortSignal} signal */
  async moreBefore(signal) {
    const limit = this.amount;
    const found = await all(await this.ask(this.request, { before: this.lines.first, reverse: 1 }, signal, limit));
    if (signal.aborted) return;
    prepend(this.lines, found.reverse());
    this.atStart = asked(found) < limit;
    if (this.following) this.stick();
    else if (cutEnd(this.lines, { rows: READING, lines: LINES_READING })) this.atEnd = false;
  }

  /** @param {AbortSignal} signal */
  async moreAfter(signal) {
    const limit = this.amount;
    const found = await all(await this.ask(this.request, { after: this.lines.last }, signal, limit));
    if (signal.aborted) return;
    keepingTopLine(this.lines, () => {
      append(this.lines, found);
      if (cutStart(this.lines, { rows: READING, lines: LINES_READING })) this.atStart = false;
    });
    if (asked(found) < limit) await this.reachedEnd();
  }

  /** Go on with new lines: all lines up to the end of the store are loaded. */
  async reachedEnd() {
    this.atEnd = true;
    if (!this.live) return;
    if (this.stream) {
      // Lines that have been loaded were also waiting in the queue.
      const { last } = this.lines;
      this.queue.keepLater(last, this.lines.rows);
      this.queue.skipped = 0;
    } else {
      const stream = this.newStream();
      this.attach(stream);
      await stream.start(this.request.q, this.lines.last || null);
    }
  }
}
