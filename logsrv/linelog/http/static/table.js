/** The answer of figures in the place of the lines: a chart if it is over time, and its rows. */

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { button, byId } from "./dom.js";
import { Grid } from "./grid.js";
import { canPivot, isPivot, leftOut, pivot } from "./pivot.js";
import { firstFigure } from "./series.js";
import { asLines, pastOf, withCondition } from "./stages.js";
import { printable } from "./text.js";
import { clock, counted, moment, number } from "./times.js";

/** @typedef {import("./grid.js").Answer} Answer */
/** @typedef {import("./view.js").Request} Request */

/** Rows that are asked for: a chart of many groups needs more than a person reads. */
export const MOST_ROWS = 20_000;

export class Table {
  /**
   * @param {(query: string) => void} onQuery
   * @param {(since: string, until: string) => void} onTime
   */
  constructor(onQuery, onTime) {
    this.part = byId("table");
    this.abort = new AbortController();
    /** @type {Answer | null} */
    this.answer = null;
    this.request = { q: "", since: "", until: "", position: "" };
    /** Whether values of the last group are columns; null: as usual for the answer. @type {boolean | null} */
    this.turned = null;
    this.when = new Date();
    this.chart = new Chart(byId("table-chart"), { select: onTime, figure: () => this.showRows() });
    this.grid = new Grid(this.part, (field, value, exclude) => onQuery(withCondition(exclude ? this.request.q : asLines(this.request.q), field, value, exclude)));
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
    const { q, since, until } = request;
    const answer = await get("/api/table", { q, since, until, limit: MOST_ROWS }, signal);
    if (signal.aborted) return;
    taken();
    this.request = request;
    this.answer = answer;
    this.grid.order = this.turned = null;
    this.when = new Date();
    this.part.hidden = false;
    byId("scroller").hidden = true;
    this.show();
  }

  show() {
    const { answer } = this;
    if (!answer) return;
    byId("table-sentence").textContent = sentence(answer, this.when);
    const isOverTime = answer.every !== null && answer.rows.length > 0;
    byId("table-chart").hidden = !isOverTime;
    if (isOverTime) this.chart.show(answer, this.when, pastOf(this.request.q));
    this.showRows();
  }

  showRows() {
    const { answer } = this;
    if (!answer) return;
    const column = answer.every === null ? firstFigure(answer) : this.chart.column;
    const turned = canPivot(answer) && (this.turned ?? isPivot(answer));
    const left = turned ? leftOut(answer, column) : 0;
    byId("table-tools").replaceChildren(...(canPivot(answer) ? [this.turn(answer, turned)] : []), left ? ` ${counted(left, "other")} without a column` : "");
    this.grid.show(turned ? pivot(answer, column) : answer);
  }

  /**
   * @param {Answer} answer
   * @param {boolean} turned
   */
  turn(answer, turned) {
    const made = button(`A column for each ${printable(answer.by[answer.by.length - 1])}`, "choice-button", () => {
      this.turned = !turned;
      this.showRows();
      /** @type {HTMLElement} */ (byId("table-tools").firstChild).focus();
    });
    made.setAttribute("aria-pressed", String(turned));
    return made;
  }
}

/**
 * Return the sentence about an answer.
 * @param {Answer} answer
 * @param {Date} when
 */
export function sentence({ every, lines, groups, rows, without, left_out, exact, absent, missed }, when) {
  const one = counted(lines, "line matches", "lines match");
  const said = [without.length ? `${one}, none has a number in ${without.join(", ")}` : `${one}, in ${counted(groups, "group")}`];
  if (absent.length) said.push(`none has a field ${absent.map(printable).join(", ")}`);
  const last = every !== null && rows.length ? rows[rows.length - 1][0] : null;
  if (rows.length < groups) said.push(`the first ${number(rows.length)} are used${last === null ? "" : `, up to ${moment(new Date(String(last)))}`}`);
  if (missed) said.push(`so many groups that those with few lines were forgotten, ${counted(left_out, "line")} in all: a row may lack up to ${counted(missed, "line")}, and no missing group has more`);
  if (!exact) said.push("p50, p95 and p99 are within 0.5 %");
  return `${said.join("; ")}. Counted at ${clock(when)}; not live.`;
}
