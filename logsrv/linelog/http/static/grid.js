/** The rows of an answer as a sortable table, with a bar for the first figure. */

import { button, element, shareBar } from "./dom.js";
import { fadeAtEdge } from "./fade.js";
import { isField } from "./field_names.js";
import { firstFigure, isText, isTime, unitOf } from "./series.js";
import { printable, shortened, visible } from "./text.js";
import { isNumber, moment } from "./times.js";
import { formatOf, shown, shownChange } from "./units.js";

/** @typedef {import("../answers.js").Cell} Cell */
/** @typedef {import("../answers.js").Table & {oneFigure?: boolean, note?: string, sorted?: boolean, counted?: number}} Answer with what the page adds; oneFigure: all columns are of the same figure; sorted: the first column has the numbers by which lines are sorted; counted: milliseconds since 1970 from which on all lines are counted, if not all are */

/** Rows that are asked for: a chart of many groups needs more than a person reads. */
export const MOST_ASKED = 20_000;
/** Rows of the page: a browser needs seconds for more. */
export const MOST_SHOWN = 1000;
const LONGEST_NAME = 60;
/** Characters up to which a text on a board is always whole, as times are. */
const SHORT = 8;
/** Characters of the widest line of a name on a phone. */
const WIDEST = 38;

export class Grid {
  /**
   * @param {HTMLElement} part a table is added to it
   * @param {((field: string, value: string | null, exclude: boolean) => void) | null} onGroup called to narrow down to a group, or to exclude it; null: the lines without the field
   */
  constructor(part, onGroup) {
    this.onGroup = onGroup;
    this.head = element("thead");
    this.body = element("tbody");
    this.table = element("table", "", this.head, this.body);
    part.append(this.table);
    fadeAtEdge(part, this.table);
    /** The sorted column, and whether its smallest value is first. @type {{column: number, ascending: boolean} | null} */
    this.order = null;
    this.columns = "";
  }

  /** @param {Answer} answer */
  show(answer) {
    this.answer = answer;
    /** The class name of each column. */
    this.styles = answer.columns.map((_, column) => (answer.sorted && column === 0 ? "number" : column < firstFigure(answer) ? "" : isText(answer, column) ? "text" : "number"));
    const columns = JSON.stringify(answer.columns);
    if (columns !== this.columns) this.order = null;
    this.columns = columns;
    const rows = this.sorted(answer.rows).slice(0, MOST_SHOWN);
    const first = firstFigure(answer);
    this.formats = formatsOf(answer, rows);
    const most = answer.rows.reduce((sum, row) => Math.max(sum, Math.abs(Number(row[first])) || 0), 0);
    this.head.replaceChildren(element("tr", "", ...answer.columns.map((name, column) => this.header(name, column))));
    this.body.replaceChildren(...rows.map((row) => this.row(row, most)));
  }

  /**
   * @param {string} name
   * @param {number} column
   */
  header(name, column) {
    const isFigure = Boolean(this.styles?.[column]);
    const order = this.order?.column === column ? (this.order.ascending ? "ascending" : "descending") : "none";
    const shown = printable(name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name);
    const sort = button(shown, "link", () => {
      this.order = { column, ascending: order === "none" ? !isFigure : order === "descending" };
      this.show(/** @type {Answer} */ (this.answer));
      this.head.querySelectorAll("button")[column].focus();
    });
    // A narrow screen breaks it there.
    sort.replaceChildren(...shown.split(/(?<=_)/).flatMap((part) => [element("wbr"), part]));
    sort.title = `Sort by ${printable(name)}`;
    const cell = element("th", this.styles?.[column], sort);
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
      if (this.styles?.[column] === "number" && isNumber(one) && isNumber(other)) return sign * compare(one, other);
      return sign * String(one).localeCompare(String(other), "en", { numeric: true });
    });
  }

  /**
   * @param {Cell[]} row
   * @param {number} most the largest first figure
   */
  row(row, most) {
    const first = firstFigure(/** @type {Answer} */ (this.answer));
    const made = row.map((value, column) => {
      const share = column === first && most ? [shareBar(Math.abs(Number(value)) / most)] : [];
      return element("td", this.styles?.[column], ...share, ...this.content(value, column));
    });
    return element("tr", "", ...made);
  }

  /**
   * @param {Cell} value
   * @param {number} column
   */
  content(value, column) {
    const { columns, every, sorted } = /** @type {Answer} */ (this.answer);
    if (sorted && column === 0) return [isNumber(value) ? shown(/** @type {number | string} */ (value), /** @type {import("./units.js").Format[]} */ (this.formats)[0]) : "–"];
    if (column === 0 && every !== null) return [value === null ? "no time" : moment(new Date(String(value)))];
    if (column < firstFigure(/** @type {Answer} */ (this.answer))) return this.group(columns[column], value);
    if (value === null) return ["–"];
    if (typeof value === "string" && isTime(/** @type {Answer} */ (this.answer), column)) return [moment(new Date(value))];
    if (typeof value === "string" && (this.styles?.[column] === "text" || !isNumber(value))) return [textOf(value)];
    const format = /** @type {import("./units.js").Format[]} */ (this.formats)[column];
    return [comparedBy(columns, column, "_change").length ? shownChange(Number(value), format) : shown(value, format)];
  }

  /**
   * Return the content of a cell with a group's value: buttons that add it to the filter.
   * @param {string} field
   * @param {Cell} value
   */
  group(field, value) {
    const { onGroup } = this;
    const isChoice = onGroup && isField(field);
    if (value === null) {
      if (!isChoice) return [element("span", "quiet", "(none)")];
      return [
        widened(button("(none)", "add quiet", () => onGroup(field, null, false), `Lines without ${field}: (none)`), "(none)"),
        button("−", "exclude", () => onGroup(field, null, true), `This table without (none), only lines with ${field}`),
      ];
    }
    const text = String(value);
    const whole = printable(visible(text)) || "(empty)";
    const shown = printable(shortened(visible(text))) || "(empty)";
    const style = /^\s+$/.test(text) ? " blank" : "";
    if (!isChoice || text.length > 500 || printable(text) !== text) {
      const made = element("span", style, shown);
      if (shown !== whole || (shown.length > SHORT && !/:\d\d$/.test(shown))) made.title = whole;
      return [widened(made, shown)];
    }
    return [
      widened(button(shown, `add${style}`, () => onGroup(field, text, false), `Lines with ${field}=${whole}`), shown),
      button("−", "exclude", () => onGroup(field, text, true), `This table without ${field}=${whole}`),
    ];
  }
}

/**
 * Compare two numbers. Integers that a browser cannot hold exactly are texts of digits.
 * @param {Cell} one
 * @param {Cell} other
 */
function compare(one, other) {
  const [a, b] = [one, other].map((value) => (typeof value === "string" ? BigInt(value) : Number(value)));
  return a < b ? -1 : Number(a > b);
}

/** Return the content of a cell with a figure that is a text. @param {string} text */
function textOf(text) {
  const made = element("span", "", printable(shortened(text)) || "(empty)");
  if (shortened(text) !== text) made.title = printable(text);
  return made;
}

/**
 * Let a part be wide enough for its text in two lines, which end with a word.
 * @param {HTMLElement} part
 * @param {string} text
 */
function widened(part, text) {
  const ends = [...text.slice(0, 2 * WIDEST).matchAll(/[\s/-](?=.)/g)].map(({ index }) => index + 1);
  const width = Math.min(WIDEST, text.length, ...ends.map((end) => Math.max(end, text.length - end)));
  part.style.setProperty("--two-lines", String(width));
  return part;
}

/**
 * Return the format of each column's numbers. A figure, the same at an earlier time and their difference have one.
 * @param {Answer} answer
 * @param {Cell[][]} rows
 */
function formatsOf(answer, rows) {
  const { columns } = answer;
  const isSortedBy = (/** @type {number} */ column) => answer.sorted && column === 0;
  const numbers = columns.map((_, column) => (!isSortedBy(column) && (column < firstFigure(answer) || isText(answer, column) || isTime(answer, column)) ? [] : rows.flatMap((row) => (isNumber(row[column]) ? [/** @type {number | string} */ (row[column])] : []))));
  if (answer.oneFigure) {
    const one = formatOf(numbers.flat(), unitOf(answer, columns.length - 1));
    return columns.map(() => one);
  }
  return columns.map((_, column) => {
    const [now, before] = ["_change", "_before"].map((end) => comparedBy(columns, column, end)).find((found) => found.length) ?? [column, columns.indexOf(`${columns[column]}_before`)];
    const change = columns.indexOf(`${columns[now]}_change`);
    return formatOf([...numbers[now], ...(numbers[before] ?? [])], unitOf(answer, column), (before < 0 ? undefined : numbers[change]) ?? []);
  });
}

/**
 * Return the column of a figure and that of the same at an earlier time, if a column is named so after the figure: with `_change` it
 * has their differences, with `_before` it is the second of them; none if it has others.
 * @param {string[]} columns
 * @param {number} column
 * @param {string} end
 */
function comparedBy(columns, column, end) {
  const name = columns[column].endsWith(end) ? columns[column].slice(0, -end.length) : columns[column];
  const found = [name, `${name}_before`].map((one) => columns.indexOf(one));
  return name === columns[column] || found.includes(-1) ? [] : found;
}
