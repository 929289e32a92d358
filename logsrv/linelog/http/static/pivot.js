/** A pivot: the values of an answer's last group as columns, the most frequent ones, as `logsrv search` prints them. */

import { addsUp, figuresOf, firstFigure, groupName, groupsOf, MOST_SERIES, unitOf } from "./series.js";
import { isNumber } from "./times.js";

/** @typedef {import("./grid.js").Answer} Answer */

/**
 * Return whether an answer can be turned: it has figures for each time and one field, or for two fields.
 * @param {Answer} answer
 */
export const canPivot = (answer) => answer.by.length > 0 && firstFigure(answer) === 2 && figuresOf(answer).length > 0;

/**
 * Return whether an answer is turned unless the user wants a list.
 * @param {Answer} answer
 */
export const isPivot = (answer) => canPivot(answer) && answer.columns.length === 3 && addsUp(answer, 2) && (answer.every !== null || isFull(answer));

/**
 * Return whether most cells of a matrix of pairs would have a figure; a list says the same of few pairs in less room.
 * @param {Answer} answer
 */
function isFull(answer) {
  const [firsts, seconds] = [0, 1].map((column) => new Set(answer.rows.map((row) => JSON.stringify(row[column]))).size);
  return 2 * answer.rows.length >= firsts * seconds;
}

/**
 * Return an answer with a row for each time or value, and a column for each frequent value of the last field.
 * @param {Answer} answer
 * @param {number} column of the figure
 * @returns {Answer}
 */
export function pivot(answer, column) {
  const name = answer.columns[column];
  const adds = addsUp(answer, column);
  const groups = groupsOf(answer, 1).map(([label]) => label);
  const shown = groups.slice(0, MOST_SERIES);
  const indexes = new Map(shown.map((label, index) => [label, index]));
  /** @type {Map<string, {first: import("./grid.js").Cell, total: number, cells: import("./grid.js").Cell[], others: number}>} */
  const turned = new Map();
  for (const row of answer.rows) {
    const key = JSON.stringify(row[0]);
    const one = turned.get(key) ?? { first: row[0], total: 0, cells: shown.map(() => (adds ? 0 : null)), others: 0 };
    turned.set(key, one);
    const [value, index] = [row[column], indexes.get(groupName([row[1]]))];
    if (value === null || !isNumber(value)) continue;
    one.total += Number(value);
    if (index === undefined) one.others += Number(value);
    else one.cells[index] = value;
  }
  const others = adds && groups.length > shown.length;
  const rows = [...turned.values()].map((one) => [one.first, ...(adds ? [one.total] : []), ...one.cells, ...(others ? [one.others] : [])]);
  const columns = [answer.columns[0], ...(adds ? [name] : []), ...shown, ...(others ? ["(other)"] : [])];
  const [kind, ofRows] = [answer.kinds?.[column] ?? "", answer.kinds?.[0] ?? ""];
  // Without times the largest come first.
  if (adds && answer.every === null) rows.sort((a, b) => Number(b[1]) - Number(a[1]));
  return { ...answer, columns, kinds: [ofRows, ...columns.slice(1).map(() => kind)], units: [null, ...columns.slice(1).map(() => unitOf(answer, column))], oneFigure: true, rows, by: answer.by.slice(0, -1) };
}

/**
 * Return the number of groups without a column, whose figures cannot be added either.
 * @param {Answer} answer
 * @param {number} column
 */
export const leftOut = (answer, column) => (addsUp(answer, column) ? 0 : Math.max(0, groupsOf(answer, 1).length - MOST_SERIES));
