/** The answer of figures instead of the lines: a chart if it is over time, and its rows. */

import { Chart } from "./chart.js";
import { button, byId } from "./dom.js";
import { Grid, MOST_ASKED } from "./grid.js";
import { limitsOf } from "./limits.js";
import { whatIsMissing } from "./missing.js";
import { PartialAnswer, answered } from "./partial.js";
import { canPivot, isPivot, leftOut, pivot } from "./pivot.js";
import { figuresOf, hasChart } from "./series.js";
import { asLines, pastOf, withCondition } from "./stages.js";
import { printable } from "./text.js";
import { clock, counted } from "./times.js";

/** @typedef {import("./grid.js").Answer} Answer */
/** @typedef {import("./view.js").Request} Request */

export class Table {
  /**
   * @param {(query: string) => void} onQuery
   * @param {(since: string, until: string) => void} onTime
   */
  constructor(onQuery, onTime) {
    this.part = byId("table");
    /** @type {Answer | null} */
    this.answer = null;
    this.request = { q: "", since: "", until: "", position: "" };
    /** Whether values of the last group are columns; null: as usual for the answer. @type {boolean | null} */
    this.turned = null;
    this.when = new Date();
    /** How far the answer is, in words; whether it is shown before it is whole; why it is not whole. */
    this.said = "";
    this.isPart = false;
    this.ended = "";
    this.showFirst = () => {};
    /** @type {PartialAnswer<Answer>} */
    this.partial = new PartialAnswer((said, answer, since) => this.showPart(said, answer, since));
    this.part.prepend(this.partial.bar);
    this.chart = new Chart(byId("table-chart"), { select: onTime, figure: () => this.showRows() });
    this.grid = new Grid(this.part, (field, value, exclude) => {
      // Lines without the field are those that do not have any value of it.
      const isUnlike = value === null ? !exclude : exclude;
      onQuery(withCondition(exclude ? this.request.q : asLines(this.request.q), field, value, isUnlike));
    });
  }

  /**
   * Ask for the figures of a query, and show them.
   * @param {Request} request
   * @param {() => void} taken called when the answer is there, or the first part of it
   * @param {AbortSignal} signal
   */
  async open(request, taken, signal) {
    const { q, since, until } = request;
    this.signal = signal;
    const tell = this.partial.begin(true, (part) => part);
    this.said = this.ended = "";
    this.isPart = false;
    this.showFirst = () => {
      taken();
      const isNew = JSON.stringify(request) !== JSON.stringify(this.request);
      this.request = request;
      this.grid.order = this.turned = null;
      this.part.hidden = false;
      byId("scroller").hidden = true;
      if (isNew) this.part.scrollTo(0, 0);
    };
    try {
      const answer = await answered("/api/table", { q, since, until, limit: MOST_ASKED, whole: 1 }, signal, tell);
      if (signal.aborted) return;
      if (!this.isPart) this.showFirst();
      this.end("");
      this.answer = answer;
      this.when = new Date();
      this.show();
      if (!answer.lines) this.explain(request, signal);
    } catch (error) {
      // Of an answer that nobody wants any more, no part comes after what is shown instead.
      if (this.signal === signal) this.partial.end();
      if (!signal.aborted) this.end("The server's answer broke off");
      throw error;
    }
  }

  /**
   * Show how far the answer is, and the figures of the newest lines.
   * @param {string} said
   * @param {Answer | null} answer
   * @param {Date | null} since
   */
  showPart(said, answer, since) {
    this.said = said;
    if (answer?.rows.length) {
      if (!this.isPart) this.showFirst();
      this.isPart = true;
      this.answer = { ...answer, counted: since?.getTime() };
      this.when = new Date();
    }
    if (this.isPart) this.show();
  }

  /** Show no more of the answer. @param {string} why "" if it is whole */
  end(why) {
    this.partial.end();
    this.ended = this.isPart ? why : "";
    this.isPart = false;
    if (this.ended) this.show();
    this.said = "";
  }

  /** True if its steps depend on the zone that is shown. */
  get hasSteps() {
    return this.answer !== null && hasChart(this.answer);
  }

  /**
   * Say which part of a query matches nothing.
   * @param {Request} request
   * @param {AbortSignal} signal
   */
  async explain(request, signal) {
    const sentences = await whatIsMissing(request.q, request, byId("lines").dataset.scope ?? "", signal).catch(() => []);
    if (request === this.request) byId("table-sentence").append(...sentences.flatMap((one) => [" ", one]));
  }

  /** True if values of the last group are columns. */
  get isTurned() {
    return this.answer !== null && canPivot(this.answer) && (this.turned ?? isPivot(this.answer));
  }

  show() {
    const { answer } = this;
    if (!answer) return;
    byId("table-chart").hidden = !hasChart(answer);
    if (hasChart(answer)) this.chart.show(answer, this.when, pastOf(this.request.q));
    const rows = this.showRows();
    const limits = limitsOf(answer, rows).join("; ");
    const how = this.isPart ? `So far: ${this.said}.` : this.ended ? `${this.ended}: ${this.said || "not all lines are counted"}.` : `Counted at ${clock(this.when)}; not live.`;
    byId("table-sentence").textContent = `${limits}. ${how}`;
  }

  /** Show the rows; return how many there are, also those that are not shown. */
  showRows() {
    const { answer } = this;
    if (!answer) return 0;
    const column = hasChart(answer) ? this.chart.column : figuresOf(answer)[0];
    const left = this.isTurned ? leftOut(answer, column) : 0;
    byId("table-tools").replaceChildren(...(canPivot(answer) ? [this.turn(answer)] : []), left ? ` ${counted(left, "other")} without a column` : "");
    const shown = this.isTurned ? pivot(answer, column) : answer;
    this.grid.show(shown);
    return shown.rows.length;
  }

  /**
   * @param {Answer} answer
   */
  turn(answer) {
    const made = button(`A column for each ${printable(answer.by[answer.by.length - 1])}`, "choice-button", () => {
      this.turned = !this.isTurned;
      this.show();
      /** @type {HTMLElement} */ (byId("table-tools").firstChild).focus();
    });
    made.setAttribute("aria-pressed", String(this.isTurned));
    return made;
  }
}
