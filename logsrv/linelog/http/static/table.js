/** The table of figures, in the place of the lines: sortable, with a bar for the first figure, drawn over time. */

import { get } from "./api.js";
import { bars, draw } from "./bars.js";
import { drawCurves, overTime } from "./curves.js";
import { button, byId, element, shareBar } from "./dom.js";
import { isField } from "./query.js";
import { asLines, withCondition } from "./stages.js";
import { printable } from "./text.js";
import { clock, counted, figure, moment, number } from "./times.js";

/** @typedef {string | number | null} Cell */
/** @typedef {{columns: string[], rows: Cell[][], by: string[], every: number | null, groups: number, lines: number, without: string[], left_out: number, exact: boolean, absent: string[], missed: number}} Answer */
/** @typedef {import("./view.js").Request} Request */

const MOST_ROWS = 1000;
const HEIGHT = 120;
/** Figures that add up: their bars are stacked. */
const ADDS_UP = /^(count|sum_)/;

export class Table {
  /** @param {(query: string) => void} onQuery */
  constructor(onQuery) {
    this.onQuery = onQuery;
    this.part = byId("table");
    this.abort = new AbortController();
    /** @type {Answer | null} */
    this.answer = null;
    this.request = { q: "", since: "", until: "", position: "" };
    /** The sorted column, and whether its smallest value is first. @type {{column: number, ascending: boolean} | null} */
    this.order = null;
    this.when = new Date();
    new ResizeObserver(() => this.draw()).observe(byId("table-drawing"));
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
    this.order = null;
    this.when = new Date();
    this.part.hidden = false;
    byId("scroller").hidden = true;
    this.show();
  }

  /** Show the rows in their order. */
  show() {
    if (!this.answer) return;
    const { columns, rows } = this.answer;
    byId("table-sentence").textContent = this.sentence(this.answer);
    byId("table-head").replaceChildren(element("tr", "", ...columns.map((name, column) => this.header(name, column))));
    const first = this.firstFigure;
    const most = Math.max(0, ...rows.map((row) => Math.abs(Number(row[first]))).filter(Number.isFinite));
    byId("table-rows").replaceChildren(...this.sorted(rows).map((row) => this.row(row, most)));
    this.draw();
  }

  get isOverTime() {
    return typeof this.answer?.every === "number";
  }

  /** The number of the first column with figures. */
  get firstFigure() {
    return (this.answer?.by.length ?? 0) + Number(this.isOverTime);
  }

  /** @param {Answer} answer */
  sentence({ lines, groups, rows, without, left_out, exact, absent, missed }) {
    const one = counted(lines, "line matches", "lines match");
    const said = [without.length ? `${one}, none has a number in ${without.join(", ")}` : `${one}, in ${counted(groups, "group")}`];
    if (absent.length) said.push(`none has a field ${absent.map(printable).join(", ")}`);
    if (rows.length < groups) said.push(`the first ${number(rows.length)} are shown`);
    if (missed) said.push(`so many groups that those with few lines were forgotten, ${counted(left_out, "line")} in all: a row may lack up to ${counted(missed, "line")}, and no missing group has more`);
    if (!exact) said.push("p50, p95 and p99 are within 0.5 %");
    return `${said.join("; ")}. Counted at ${clock(this.when)}; not live.`;
  }

  /**
   * @param {string} name
   * @param {number} column
   */
  header(name, column) {
    const isFigure = column >= this.firstFigure;
    const order = this.order?.column === column ? (this.order.ascending ? "ascending" : "descending") : "none";
    const sort = button(printable(name), "link", () => {
      this.order = { column, ascending: order === "none" ? !isFigure : order === "descending" };
      this.show();
      byId("table-head").querySelectorAll("button")[column].focus();
    });
    sort.title = `Sort by ${printable(name)}`;
    const cell = element("th", isFigure ? "number" : "", sort);
    cell.setAttribute("scope", "col");
    cell.setAttribute("aria-sort", order);
    return cell;
  }

  /** @param {Cell[][]} rows */
  sorted(rows) {
    if (!this.order) return rows;
    const { column, ascending } = this.order;
    const sign = ascending ? 1 : -1;
    return [...rows].sort((a, b) => {
      const [one, other] = [a[column], b[column]];
      // What is missing comes last in both orders.
      if (one === null || other === null) return Number(one === null) - Number(other === null);
      if (typeof one === "number" && typeof other === "number") return sign * (one - other);
      return sign * String(one).localeCompare(String(other), "en", { numeric: true });
    });
  }

  /**
   * @param {Cell[]} row
   * @param {number} most the largest first figure
   */
  row(row, most) {
    const made = row.map((value, column) => {
      const share = column === this.firstFigure && most ? [shareBar(Math.abs(Number(value)) / most)] : [];
      return element("td", column >= this.firstFigure ? "number" : "", ...share, ...this.content(value, column));
    });
    return element("tr", "", ...made);
  }

  /**
   * @param {Cell} value
   * @param {number} column
   */
  content(value, column) {
    if (column === 0 && this.isOverTime) return [value === null ? "no time" : moment(new Date(String(value)))];
    if (column < this.firstFigure) return this.group(/** @type {Answer} */ (this.answer).columns[column], value);
    return [value === null ? "–" : figure(Number(value))];
  }

  /**
   * Return the content of a cell with a group's value: buttons that add it to the filter.
   * @param {string} field
   * @param {Cell} value
   */
  group(field, value) {
    if (value === null) return [element("span", "quiet", "(none)")];
    const text = String(value);
    const shown = printable(text) || "(empty)";
    if (!isField(field) || text.length > 500 || printable(text) !== text) return [element("span", "", shown)];
    return [
      button(shown, "add", () => this.onQuery(withCondition(asLines(this.request.q), field, text, false)), `Lines with ${field}=${shown}`),
      button("−", "exclude", () => this.onQuery(withCondition(this.request.q, field, text, true)), `This table without ${field}=${shown}`),
    ];
  }

  /** Draw the first figure over time: stacked bars if it adds up, otherwise a curve for each group. */
  draw() {
    const drawing = byId("table-drawing");
    drawing.hidden = !this.isOverTime || !this.answer;
    if (drawing.hidden || !this.answer) return;
    const { histogram, series } = overTime(this.answer, this.firstFigure);
    const svg = /** @type {SVGElement} */ (/** @type {unknown} */ (byId("table-bars")));
    const width = drawing.clientWidth;
    if (!histogram) return svg.replaceChildren();
    if (ADDS_UP.test(this.answer.columns[this.firstFigure])) draw(svg, bars(histogram), width, HEIGHT);
    else drawCurves(svg, histogram, series, width, HEIGHT);
    byId("table-legend").replaceChildren(...series.map(({ name, label }) => element("li", `bar-${name}`, printable(label.slice(0, 40)))));
  }
}
