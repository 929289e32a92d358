/** The bars of a histogram as SVG: one for each step of time, stacked by level or by the values of a field. */

import { LEVELS, isAtLeast } from "./levels.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {import("../answers.js").Bucket} Bucket
 * @typedef {{name: string, label: string, value?: string}} Series name: the part of a class name that sets the colour. Without `value`: all others
 * @typedef {import("../answers.js").Histogram} Histogram
 * @typedef {{start: number, end: number, from: number, to: number, count: number, parts: {name: string, count: number}[]}} Bar
 *   times in milliseconds since 1970; from, to: the part of the bar that lies in the range, and is counted
 */

const CLASSES = new Map([["1xx", "debug"], ["2xx", "info"], ["3xx", "notice"], ["4xx", "warning"], ["5xx", "error"]]);

/**
 * Return the colour of a group: its level's, its class of status codes', else that of its number.
 * @param {string} value
 * @param {number} index
 * @param {string[]} by its fields
 */
export const colour = (value, index, by) => (by.join() === "level" ? levelColour(value) : (CLASSES.get(value) ?? `value-${index}`));

/**
 * Return the number of each name's colour: the one that it had, else a free one.
 * @param {string[]} names
 * @param {Map<string, number>} earlier
 */
export function colourNumbers(names, earlier) {
  const numbers = new Map([...earlier].filter(([name]) => names.includes(name)));
  for (const name of names) {
    const used = new Set(numbers.values());
    if (!numbers.has(name)) numbers.set(name, names.findIndex((_, number) => !used.has(number)));
  }
  return numbers;
}

/** The three worst levels have one colour. @param {string} level */
const levelColour = (level) => (isAtLeast(level, "critical") ? "critical" : LEVELS.includes(level) ? level : "none");

/**
 * @param {string[]} values
 * @param {(value: string) => string} nameOf
 * @returns {Series[]}
 */
const named = (values, nameOf) => [...values.map((value) => ({ name: nameOf(value), label: value, value })), { name: "none", label: "other" }];

/**
 * Return the series of a histogram by a field, each with its colour.
 * @param {string[]} values the most frequent first
 * @param {Map<string, number>} numbers
 */
export const seriesOf = (values, numbers) => named(values, (value) => colour(value, numbers.get(value) ?? 0, []));

/** Levels are drawn from the bottom up: the worst is at the bottom. */
const OF_LEVELS = named([...LEVELS].reverse(), levelColour);

/**
 * Return a bar for every step of the range, including steps without lines.
 * @param {Histogram} answer
 * @param {Series[] | null} series of a field's values; null: of levels
 * @returns {Bar[]}
 */
export function bars(answer, series) {
  const since = Date.parse(answer.since);
  const until = Date.parse(answer.until);
  const each = spans(answer.buckets, answer.end).map(([start, end]) => [Date.parse(start), Date.parse(end)]);
  const all = answer.buckets.map(({ count, values, levels }, index) => {
    const [start, end] = each[index];
    const counts = (answer.values ? values : levels) ?? {};
    return { start, end, from: Math.max(start, since), to: Math.min(end, until), count, parts: parts(count, counts, series ?? OF_LEVELS) };
  });
  return all.filter(({ start }) => start < until);
}

/**
 * Return where each bucket begins and ends. Days have 23, 24 or 25 hours, so only the server knows.
 * @param {{time: string}[]} buckets
 * @param {string} end of the last one
 * @returns {[string, string][]}
 */
export const spans = (buckets, end) => buckets.map(({ time }, index) => [time, buckets[index + 1]?.time ?? end]);

/**
 * Return the number of a value in a bucket. Values may have names of every object's own, such as `constructor`.
 * @param {Record<string, number>} counts
 * @param {string} value
 */
const countOf = (counts, value) => (Object.hasOwn(counts, value) ? counts[value] : 0);

/**
 * @param {number} lines
 * @param {Record<string, number>} counts
 * @param {Series[]} series
 */
function parts(lines, counts, series) {
  let left = lines;
  const found = [];
  for (const { name, value } of series) {
    const count = value === undefined ? left : Math.min(left, countOf(counts, value));
    left -= count;
    if (count) found.push({ name, count });
  }
  return found;
}

/**
 * @param {SVGElement} svg
 * @param {Bar[]} all
 * @param {number} width in pixels
 * @param {number} height
 */
export function draw(svg, all, width, height) {
  const most = Math.max(1, ...all.map((bar) => bar.count));
  const [first, last] = [all[0]?.start ?? 0, all[all.length - 1]?.end ?? 1];
  const x = (/** @type {number} */ time) => (width * (time - first)) / (last - first);
  /** @type {SVGElement[]} */
  const shapes = [];
  all.forEach((bar) => {
    let bottom = height;
    const [left, each] = [x(bar.start), x(bar.end) - x(bar.start)];
    const gap = each > 6 ? 1.5 : each > 3 ? 1 : 0;
    for (const part of bar.parts) {
      // At least 1.5 pixels: one error among a million lines stays visible.
      const tall = Math.min(Math.max((part.count / most) * height, 1.5), bottom);
      bottom -= tall;
      shapes.push(shape("rect", { class: `bar bar-${part.name}`, x: left, y: bottom, width: Math.max(each - gap, 0.75), height: tall }));
    }
  });
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...shapes);
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
export function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, typeof value === "number" ? value.toFixed(2) : value);
  return made;
}
