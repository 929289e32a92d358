/** The numbers around the lines: bars and values. One request at a time; numbers are dimmed until it is answered. */

import { bars } from "./api.js";
import { byId } from "./dom.js";
import { writtenField } from "./field_names.js";
import { Fields } from "./fields.js";
import { Histogram } from "./histogram.js";
import { Download } from "./download.js";
import { Inquiry } from "./inquiry.js";
import { clock } from "./times.js";

/** @typedef {import("./scope.js").Scope} Scope */

/** Milliseconds after which bars are requested again: in any case, and after new lines. */
const EVERY = 5000;
const SOON = 2000;
const WHEN_HIDDEN = 60_000;
/** Milliseconds. Lines dated further ahead of now than this come from a wrong clock, not from the last moment. */
const AHEAD = 10_000;

export class Figures {
  /**
   * @param {Fields} fields
   * @param {Histogram} histogram
   * @param {{work: () => void, hint: (text: string) => void, since: (time: number) => void, newest: () => string}} told
   *   work: called when a request begins or ends. since: gets the start of the bars.
   *   newest: returns the largest time in the store, if it is known.
   */
  constructor(fields, histogram, told) {
    this.fields = fields;
    this.histogram = histogram;
    this.told = told;
    this.question = { q: "", since: "", until: "" };
    this.inquiry = new Inquiry(byId("rate-part"), told.work);
    this.asked = false;
    this.known = false;
    /** The first answer had no line, and none has arrived since. */
    this.empty = false;
    this.next = Infinity;
    /** Milliseconds before the next request: the longer the last answer took, the more. */
    this.rest = 0;
    /** The sentence of the last refusal. */
    this.refused = "";
    /** The time at which the shown numbers were requested, in milliseconds since 1970. */
    this.when = 0;
    this.download = new Download();
    /** The field of the bars; "": by level. */
    this.by = "";
  }

  /** True if the numbers can grow. Other servers are asked only once, for numbers as for lines. */
  get grows() {
    return !this.question.until;
  }

  /** True if numbers of the requested scope have not arrived yet. */
  get busy() {
    return this.inquiry.pending || this.fields.panel.pending;
  }

  /** Dim the numbers, because something else is requested, and ignore earlier answers. */
  dim() {
    this.known = this.asked && !this.busy && (this.known || !this.inquiry.part.classList.contains("stale"));
    for (const one of [this.inquiry, this.fields.panel]) one.dim();
    this.histogram.cancel();
  }

  /** Undim the numbers: the new request was refused, so they are still valid. */
  keep() {
    if (!this.asked) return;
    if (!this.known) return this.set(this.question.q, this.question);
    for (const { part } of [this.inquiry, this.fields.panel]) part.classList.remove("stale");
    this.fields.again();
    if (this.grows) this.later(SOON);
  }

  /**
   * Ask for all numbers of a query and a scope.
   * @param {string} q
   * @param {Scope} scope
   */
  set(q, { since, until }) {
    this.dim();
    this.asked = this.inquiry.pending = true;
    this.known = this.empty = false;
    this.inquiry.refusals = 0;
    this.question = { q, since, until };
    this.download.offer(Infinity);
    this.fields.set(this.question);
    this.refresh();
  }

  /** @param {string} field of the bars */
  setBy(field) {
    this.by = field;
    if (!this.asked) return;
    this.inquiry.dim();
    this.refresh();
  }

  /** Ask for the bars soon, because new lines have arrived; at once if the page still says "0 lines". */
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
    clearTimeout(this.inquiry.timer);
    this.next = performance.now() + milliseconds;
    this.inquiry.timer = setTimeout(() => this.refresh(), milliseconds);
  }

  /** Ask for the bars, and again after a while if they can change. The longer it takes, the less often. */
  async refresh() {
    this.next = -Infinity;
    const { inquiry } = this;
    const when = Date.now();
    const isDone = await inquiry.ask(
      (signal) => this.count(when, signal),
      (counted) => this.show(counted, when),
      (sentence) => this.refuse(sentence),
    );
    if (!isDone) return;
    // A request that took too long would take as long again, and other users would have to wait.
    this.rest = inquiry.pause(inquiry.refusals ? EVERY : 0, 5);
    if (this.grows) this.later(Math.max(document.hidden ? WHEN_HIDDEN : EVERY, this.rest));
    this.showWhen();
  }

  /**
   * Return the histogram, the hint on the query, and how many lines are dated after now.
   * @param {number} when the time of the request
   * @param {AbortSignal} signal
   */
  async count(when, signal) {
    const begin = performance.now();
    // Up to now, not up to the last line, so that the bars show when no more lines arrive.
    const until = this.question.until || "now";
    const { answer, hint } = await bars({ ...this.question, until, buckets: this.histogram.wanted, by: this.by && writtenField(this.by) }, signal);
    // Two clocks: the first one stops while the computer sleeps, the second one may be set.
    const passed = () => Math.max(performance.now() - begin, Date.now() - when);
    return { answer, hint, after: await this.after(Date.parse(answer.until), passed, signal) };
  }

  /**
   * @param {{answer: import("./bars.js").Histogram, hint: string, after: number}} counted
   * @param {number} when the time of the request
   */
  show({ answer, hint, after }, when) {
    this.histogram.show(answer, after);
    const lines = answer.buckets.reduce((sum, bucket) => sum + bucket.count, after);
    this.download.offer(lines);
    this.fields.setTotal(lines);
    this.empty = this.inquiry.pending && this.grows && !lines;
    this.when = when;
    this.told.hint(hint);
    if (!this.question.until && this.question.since) this.told.since(Date.parse(answer.since));
  }

  /** @param {string} sentence */
  refuse(sentence) {
    this.refused = sentence;
    if (!this.inquiry.pending) return;
    this.histogram.fail(sentence);
    this.download.offer(Infinity);
    this.when = 0;
  }

  /**
   * Return how many lines are dated after now, because a clock was set back. The list and the values have them,
   * but there is no bar for them. Lines that arrived during the count do not belong to them.
   * @param {number} end the server's time when the count began
   * @param {() => number} passed returns the milliseconds since then
   * @param {AbortSignal} signal
   */
  async after(end, passed, signal) {
    const since = end + 2 * passed() + AHEAD;
    if (!this.grows || !(Date.parse(this.told.newest()) > since)) return 0;
    const { answer } = await bars({ ...this.question, since: new Date(since).toISOString(), buckets: 1 }, signal);
    // If this count took longer, lines of now may be among them.
    return end + passed() > since ? 0 : answer.buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  }

  /**
   * Show the time of the count, because the list may be ahead of the numbers. After a refusal, show the reason
   * and the time of the next request.
   */
  showWhen() {
    const said = this.when ? [`counted at ${clock(new Date(this.when))}`] : [];
    if (this.inquiry.refusals) {
      // Without any numbers, the reason is shown instead already.
      if (this.when) said.push(`not counted again: ${this.refused}`);
      if (this.grows) said.push(`asked again at ${clock(new Date(Date.now() + this.next - performance.now()))}`);
    }
    byId("counted-at").textContent = said.join("; ");
  }
}
