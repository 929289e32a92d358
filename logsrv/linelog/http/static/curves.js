/** Figures over time: the rows of a table as the buckets of a histogram, and curves of figures that do not add up. */

import { countOf, seriesOf, shape } from "./bars.js";

/** Groups that have a colour of their own. */
const MOST_SERIES = 8;

/**
 * Return a table over time as a histogram of one of its columns, by the values of the groups; without rows null.
 * @param {import("./table.js").Answer} answer
 * @param {number} column
 */
export function overTime({ rows, every }, column) {
  const step = every ?? 1;
  const dated = rows.filter(([time, ...rest]) => time !== null && typeof rest[column - 1] === "number");
  const group = (/** @type {import("./table.js").Cell[]} */ row) => row.slice(1, column).map((value) => (value === null ? "(none)" : /^[("]/.test(String(value)) ? JSON.stringify(value) : value)).join(", ");
  /** @type {Map<string, number>} */
  const totals = new Map();
  for (const row of dated) totals.set(group(row), (totals.get(group(row)) ?? 0) + Number(row[column]));
  const values = [...totals].sort((a, b) => b[1] - a[1]).slice(0, MOST_SERIES).map(([value]) => value);
  /** @type {Map<string, import("./bars.js").Bucket>} */
  const buckets = new Map();
  for (const row of dated) {
    const time = String(row[0]);
    const bucket = buckets.get(time) ?? { time, count: 0, levels: {}, values: {} };
    bucket.count += Number(row[column]);
    bucket.values = { ...bucket.values, [group(row)]: Number(row[column]) };
    buckets.set(time, bucket);
  }
  const times = [...buckets.keys()].map((time) => Date.parse(time)).sort((a, b) => a - b);
  const series = seriesOf(values).filter(({ value }) => value !== undefined || totals.size > MOST_SERIES);
  if (!times.length) return { histogram: null, series };
  const [since, until] = [times[0], times[times.length - 1] + step * 1000].map((time) => new Date(time).toISOString());
  return { histogram: { since, until, step, values, buckets: [...buckets.values()] }, series };
}

/**
 * Draw a curve for each series.
 * @param {SVGElement} svg
 * @param {import("./bars.js").Histogram} histogram
 * @param {import("./bars.js").Series[]} series
 * @param {number} width in pixels
 * @param {number} height
 */
export function drawCurves(svg, histogram, series, width, height) {
  const [since, until] = [Date.parse(histogram.since), Date.parse(histogram.until)];
  const most = Math.max(...histogram.buckets.flatMap(({ values }) => Object.values(values ?? {})), 1e-9);
  const curves = series.filter(({ value }) => value !== undefined).flatMap(({ name, value = "" }) => {
    const known = histogram.buckets.filter(({ values }) => values && Object.hasOwn(values, value)).sort((a, b) => a.time.localeCompare(b.time));
    const points = known.map((bucket) => {
      const x = (width * (Date.parse(bucket.time) - since + histogram.step * 500)) / (until - since);
      return [x, height - 3 - ((height - 6) * Math.max(0, countOf(bucket.values ?? {}, value))) / most];
    });
    const dots = points.map(([x, y]) => shape("circle", { class: `bar bar-${name}`, cx: x, cy: y, r: 2 }));
    const line = points.map((point) => point.map((one) => one.toFixed(1)).join(" ")).join("L");
    return points.length > 1 ? [shape("path", { class: `curve bar-${name}`, d: `M${line}` }), ...dots] : dots;
  });
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...curves);
}
