/** Figures over time as series: one for each group, the largest first, the smallest together. */

import { colour, colourNumbers } from "./bars.js";
import { drawable } from "./scale.js";
import { visible } from "./text.js";
import { counted, isNumber } from "./times.js";

/** Groups with a series of their own. */
export const MOST_SERIES = 8;
const FUNCTION = /^(count_distinct|sum|avg|min|max|p50|p95|p99)_(?=.)/;

/** @typedef {import("./grid.js").Answer} Answer */
/** @typedef {import("./time_band.js").Step} Step */
/** @typedef {(number | null)[]} Values of each step; null: no figure */
/** @typedef {{name: string, label: string, values: Values, before: Values | null}} Series name: the part of a class name that sets the colour */
/** @typedef {{steps: Step[], series: Series[], colours: Map<string, number>, adds: boolean, hidden: number}} Chart colours: of the colours of names. adds: the figures can be stacked; hidden: the number of groups that are in no series */

/**
 * Return the number of columns that are no figures: of time and groups.
 * @param {Answer} answer
 */
export const firstFigure = ({ by, every }) => by.length + Number(every !== null);

/**
 * Return the columns of figures that are numbers, without those that compare them.
 * @param {Answer} answer
 */
export function figuresOf(answer) {
  const names = answer.columns;
  const compared = new Set(names.flatMap((name) => (names.includes(`${name}_before`) ? [`${name}_before`, `${name}_change`] : [])));
  return names.map((_, column) => column).filter((column) => column >= firstFigure(answer) && !compared.has(names[column]) && !isTime(answer, column) && !isText(answer, column));
}

/** Return whether a column of figures is of times. @param {Answer} answer @param {number} column */
export const isTime = ({ kinds }, column) => kinds?.[column] === "time";

/** Return whether a column of figures is of texts, which may consist of digits. @param {Answer} answer @param {number} column */
export const isText = ({ kinds }, column) => kinds?.[column] === "text";

/**
 * Return whether an answer can be drawn over time.
 * @param {Answer} answer
 */
export const hasChart = (answer) => answer.every !== null && answer.rows.length > 0 && figuresOf(answer).length > 0;

/**
 * Return the name of a figure as in a query: `p95 rt`.
 * @param {string} column
 */
export const figureName = (column) => column.replace(FUNCTION, "$1 ");

/**
 * Return whether figures of groups are the parts of a whole.
 * @param {Answer} answer
 * @param {number} column
 */
export const addsUp = ({ kinds }, column) => ["count", "sum"].includes(kinds?.[column] ?? "");

/** Return the unit of a column's numbers; "" for none. @param {Answer} answer @param {number} column */
export const unitOf = ({ units }, column) => units?.[column] ?? "";

/** Return whether a figure of no lines is 0, and not unknown. @param {Answer} answer @param {number} column */
const isZeroOfNone = (answer, column) => addsUp(answer, column) || answer.kinds?.[column] === "distinct";

/**
 * Return the name of a group; one that looks like a missing value is quoted.
 * @param {import("./grid.js").Cell[]} values of its fields
 */
export const groupName = (values) => values.map((value) => (value === null ? "(none)" : /^[("]/.test(String(value)) ? JSON.stringify(value) : value === "" ? "(empty)" : visible(String(value)))).join(", ");

/**
 * Return groups of rows by name, the largest first, so that a group keeps its colour for each figure.
 * @param {Answer} answer
 * @param {number} from the first of the columns that make the groups
 */
export function groupsOf(answer, from) {
  const { rows } = answer;
  const figures = figuresOf(answer);
  const ranked = figures.find((column) => addsUp(answer, column)) ?? figures[0];
  /** @type {Map<string, {size: number, rows: Answer["rows"]}>} */
  const groups = new Map();
  for (const row of rows) {
    const name = groupName(row.slice(from, firstFigure(answer)));
    const group = groups.get(name) ?? { size: 0, rows: [] };
    group.size += Math.abs(drawable(Number(row[ranked])));
    group.rows.push(row);
    groups.set(name, group);
  }
  return [...groups].sort(([, a], [, b]) => b.size - a.size);
}

/**
 * Return one of an answer's figures over time.
 * @param {Answer} answer
 * @param {number} column
 * @param {Date} when the answer's time, at which it ends unless it is of an earlier one
 * @param {Chart["colours"]} earlier those of the chart that it replaces
 * @returns {Chart}
 */
export function seriesOf(answer, column, when, earlier) {
  // Behind the last row of an answer that was cut nothing is known.
  const dated = { ...answer, rows: answer.rows.filter(([time]) => time !== null), ...(answer.rows.length + (answer.cut ?? 0) < answer.groups && { since: null, until: null }) };
  const steps = stepsOf(dated, when);
  const indexes = new Map(steps.map(({ start }, index) => [start, index]));
  const name = answer.columns[column];
  const adds = addsUp(answer, column);
  const before = answer.columns.indexOf(`${name}_before`);
  const join = /^max_/.test(name) ? Math.max : /^min_/.test(name) ? Math.min : adds ? (/** @type {number} */ a, /** @type {number} */ b) => a + b : null;
  const { compare } = answer;
  // What the store no longer has is unknown, not 0.
  const known = compare?.known_since ? Date.parse(compare.known_since) : -Infinity;
  /** @param {Answer["rows"]} rows @param {number} of the column @returns {Values} */
  const valuesOf = (rows, of) => {
    /** @type {Values} */
    const values = steps.map(({ start }) => (isZeroOfNone(answer, column) && start >= (of === column ? (answer.counted ?? -Infinity) : known) ? 0 : null));
    for (const row of rows) {
      const [index, value] = [indexes.get(Date.parse(String(row[0]))), row[of]];
      if (index === undefined) continue;
      // An hour that clocks left out a day before has nothing before it.
      if (value === null && of !== column) values[index] = null;
      if (!isNumber(value)) continue;
      const other = values[index];
      values[index] = other !== null && join ? join(other, drawable(Number(value))) : drawable(Number(value));
    }
    return values;
  };
  /** @param {string} colourName @param {string} label @param {Answer["rows"]} rows @returns {Series} */
  const series = (colourName, label, rows) => ({ name: colourName, label, values: valuesOf(rows, column), before: before < 0 ? null : valuesOf(rows, before) });
  const groups = groupsOf(dated, 1);
  const shown = groups.slice(0, MOST_SERIES);
  const colours = colourNumbers(shown.map(([label]) => label), earlier);
  const made = shown.map(([label, { rows }]) => series(colour(label, colours.get(label) ?? 0, answer.by), label || figureName(name), rows));
  const rest = groups.slice(MOST_SERIES);
  if (rest.length && join) made.push(series("none", counted(rest.length, "other"), rest.flatMap(([, { rows }]) => rows)));
  return { steps, series: made, colours, adds, hidden: join ? 0 : rest.length };
}

/**
 * Return the steps of an answer's time, also those without lines, if need be only the ends of a gap. Where they begin
 * and end says the server, which knows the clocks of the zone.
 * @param {Answer} answer
 * @param {Date} when
 * @returns {Step[]}
 */
function stepsOf({ rows, steps = [], since, until }, when) {
  const starts = rows.map(([time]) => Date.parse(String(time))).sort((a, b) => a - b);
  if (!starts.length) return [];
  const begin = Math.min(since ? Date.parse(since) : starts[0], starts[0]);
  // Lines may be dated after now.
  const last = Math.max(until ? Date.parse(until) : since ? when.getTime() : 0, starts[starts.length - 1] + 1);
  const all = steps.map(([start, end]) => ({ start: Date.parse(start), end: Date.parse(end) })).filter(({ start, end }) => end > begin && start < last);
  return all.map(({ start, end }) => ({ start, end, from: Math.max(start, begin), to: until ? Math.min(end, last) : end }));
}
