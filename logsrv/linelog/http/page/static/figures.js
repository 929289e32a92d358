/** The numbers around the lines: bars and values. One question at a time; what is not answered yet is dimmed. */

import { address, bars, tellMissing } from "./api.js";
import { byId } from "./dom.js";
import { Fields } from "./fields.js";
import { Histogram } from "./histogram.js";
import { clock, number } from "./times.js";

/** @typedef {import("./scope.js").Scope} Scope */

/** Milliseconds after which bars are asked for again: always, and where lines have come. */
const EVERY = 5000;
const SOON = 2000;
const WHEN_HIDDEN = 60_000;
/** The most that a server which refused the bars is left in peace, in milliseconds. */
const LONGEST = 3_600_000;
/** Milliseconds after now from which on lines are of a clock that was ahead, not of the last moment. */
const AHEAD = 10_000;
/** Lines that are downloaded at most: as many as the API gives. */
export const bound = { lines: 100_000 };

export class Figures {
  /**
   * @param {Fields} fields
   * @param {Histogram} histogram
   * @param {{work: () => void, hint: (text: string) => void, since: (time: number) => void, newest: () => string}} told
   *   work: whether something is under way may have changed. since: the beginning of the bars.
   *   newest: the largest time in the store, if it is known.
   */
  constructor(fields, histogram, told) {
    this.fields = fields;
    this.histogram = histogram;
    this.told = told;
    this.question = { q: "", since: "", until: "", nodes: "" };
    this.abort = new AbortController();
    this.asked = false;
    this.pending = this.known = false;
    /** The first answer found no line, and none has come since. */
    this.empty = false;
    this.timer = 0;
    this.next = Infinity;
    /** Milliseconds that the server is left in peace: more, the longer it took. */
    this.rest = 0;
    /** Refusals in a row, and the sentence of the last one. */
    this.refusals = 0;
    this.refused = "";
    /** When the numbers that are shown were asked for, in milliseconds since 1970. */
    this.when = 0;
    this.download = /** @type {HTMLAnchorElement} */ (byId("download"));
    fields.onWork = () => told.work();
  }

  /** More lines can come: other servers are asked once, as their lines are. */
  get grows() {
    return !this.question.until && !this.question.nodes;
  }

  /** Numbers of a scope that was asked for are not there yet. */
  get busy() {
    return this.pending || this.fields.pending;
  }

  /** Something else is asked for: no answer of before counts any more. */
  dim() {
    this.known = this.asked && !this.busy && (this.known || !byId("rate-part").classList.contains("stale"));
    this.abort.abort();
    clearTimeout(this.timer);
    this.fields.stop();
    this.histogram.cancel();
    byId("rate-part").classList.add("stale");
    byId("fields").classList.add("stale");
  }

  /** It was refused: what is shown is still what is asked for. */
  keep() {
    if (!this.asked) return;
    if (!this.known) return this.set(this.question.q, this.question);
    byId("rate-part").classList.remove("stale");
    byId("fields").classList.remove("stale");
    this.fields.again();
    if (this.grows) this.later(SOON);
  }

  /**
   * Ask for all numbers of a query and a scope.
   * @param {string} q
   * @param {Scope} scope
   */
  set(q, { since, until, nodes }) {
    this.dim();
    this.asked = this.pending = true;
    this.known = this.empty = false;
    this.refusals = 0;
    this.question = { q, since, until, nodes };
    // Of several servers the newest come first.
    const newest = nodes ? { reverse: 1 } : { newest: 1 };
    this.download.href = address("/api/search", { ...this.question, limit: bound.lines, ...newest });
    this.offer(Infinity);
    this.fields.set(this.question);
    this.refresh();
  }

  /** Lines have come: the bars are to have them, too. Beside a first line, "0 lines" is not left standing. */
  arrived() {
    if (this.empty) {
      this.empty = false;
      this.fields.again();
      return this.later(0);
    }
    const soon = Math.max(SOON, this.rest);
    if (this.grows && this.next - performance.now() > soon) this.later(soon);
  }

  /** @param {number} milliseconds */
  later(milliseconds) {
    clearTimeout(this.timer);
    this.next = performance.now() + milliseconds;
    this.timer = setTimeout(() => this.refresh(), milliseconds);
  }

  /** Ask for the bars, and again after a while as long as they can change; less often if that takes long. */
  async refresh() {
    clearTimeout(this.timer);
    this.next = -Infinity;
    this.abort.abort();
    const { signal } = (this.abort = new AbortController());
    this.told.work();
    const begin = performance.now();
    const when = Date.now();
    const part = byId("rate-part");
    try {
      // Up to now, not up to the last line: that nothing comes any more is to be seen.
      const until = this.question.until || "now";
      const { answer, hint } = await bars({ ...this.question, until, buckets: this.histogram.wanted }, signal);
      // The first clock stands still while the computer sleeps, the second may be set.
      const passed = () => Math.max(performance.now() - begin, Date.now() - when);
      const after = await this.after(Date.parse(answer.until), passed, signal);
      if (signal.aborted) return;
      this.histogram.show(answer, after);
      const lines = answer.buckets.reduce((/** @type {number} */ sum, /** @type {{count: number}} */ bucket) => sum + bucket.count, after);
      this.offer(lines);
      this.empty = this.pending && this.grows && !lines;
      if (answer.missing?.length) tellMissing(answer.missing);
      this.when = when;
      this.refusals = 0;
      this.told.hint(hint);
      if (!this.question.until && this.question.since) this.told.since(Date.parse(answer.since));
      part.classList.remove("stale");
    } catch (error) {
      if (signal.aborted) return;
      part.classList.add("stale");
      this.refusals += 1;
      this.refused = /** @type {Error} */ (error).message;
      if (this.pending) {
        this.histogram.fail(this.refused);
        this.offer(Infinity);
        this.when = 0;
      }
    }
    this.pending = false;
    this.told.work();
    this.rest = 5 * (performance.now() - begin);
    // A question that took too long would take as long again, and others wait meanwhile.
    if (this.refusals) this.rest = Math.min(LONGEST, Math.max(EVERY, this.rest) * 2 ** (this.refusals - 1));
    if (this.grows) this.later(Math.max(document.hidden ? WHEN_HIDDEN : EVERY, this.rest));
    this.showWhen();
  }

  /** @param {number} lines how many there are; Infinity while that is not known */
  offer(lines) {
    const part = lines > bound.lines;
    this.download.download = part ? `logsrv-newest-${bound.lines}.jsonl` : "logsrv.jsonl";
    const all = Number.isFinite(lines) ? `Of these ${number(lines)} lines` : "Of these lines";
    this.download.dataset.said = part ? `${all} the newest ${number(bound.lines)} are downloaded. All of them: logsrv search --output json` : "";
  }

  /**
   * How many lines are dated after now. They are in the list and the values, and have no bar: a clock was set
   * back. Lines that came while was counted are none of them, however long that took.
   * @param {number} end the server's time when the count began
   * @param {() => number} passed milliseconds since then
   * @param {AbortSignal} signal
   */
  async after(end, passed, signal) {
    const since = end + 2 * passed() + AHEAD;
    if (!this.grows || !(Date.parse(this.told.newest()) > since)) return 0;
    const { answer } = await bars({ ...this.question, since: new Date(since).toISOString(), buckets: 1 }, signal);
    // After a longer count, lines of now may be among them.
    return end + passed() > since ? 0 : answer.buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  }

  /**
   * Say when was counted: where lines come fast or are many, the list is ahead of the numbers. Where that
   * was refused, say why, and when it is asked again.
   */
  showWhen() {
    const said = this.when ? [`counted at ${clock(new Date(this.when))}`] : [];
    if (this.refusals) {
      // Where there are no numbers, the reason stands in their place.
      if (this.when) said.push(`not counted again: ${this.refused}`);
      if (this.grows) said.push(`asked again at ${clock(new Date(Date.now() + this.next - performance.now()))}`);
    }
    byId("counted-at").textContent = said.join("; ");
  }
}
