/** Charts and tables of figures: series, colours, bars, and groups turned into columns. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { page } from "./page.js";

const { bars, colour, colourNumbers } = await page("bars.js");
const { figureName, figuresOf, groupName, hasChart, seriesOf } = await page("series.js");
const { canPivot, isPivot, leftOut, pivot } = await page("pivot.js");

const WHEN = new Date("2026-11-20T07:00:00Z");
const at = (minute) => `2026-11-20T06:${String(minute).padStart(2, "0")}:00Z`;
const steps = (...minutes) => minutes.slice(1).map((end, index) => [at(minutes[index]), at(end)]);
const answer = (columns, rows, about) => ({
  ...{ by: [], every: null, groups: rows.length, lines: 9, without: [], left_out: 0, exact: true, absent: [], missed: 0 },
  columns,
  rows,
  ...about,
});
const overTime = (rows, about) => answer(["time", "app", "count"], rows, { by: ["app"], every: 60, kinds: ["time", "group", "count"], steps: steps(0, 1, 2, 3), since: at(0), until: at(3), ...about });

test("each group has a series, the largest first; steps without lines have none", () => {
  const { steps: found, series, adds, hidden } = seriesOf(overTime([[at(0), "a", 1], [at(0), "b", 5], [at(2), "a", 2]]), 2, WHEN, new Map());
  assert.equal(found.length, 3);
  assert.deepEqual(series.map(({ label, name, values }) => [label, name, values]), [["b", "value-0", [5, 0, 0]], ["a", "value-1", [1, 0, 2]]]);
  assert.deepEqual([adds, hidden], [true, 0]);
});

test("a group keeps its colour when another one becomes larger", () => {
  const earlier = seriesOf(overTime([[at(0), "a", 9], [at(0), "b", 5]]), 2, WHEN, new Map()).colours;
  const { series } = seriesOf(overTime([[at(0), "a", 1], [at(0), "b", 5]]), 2, WHEN, earlier);
  assert.deepEqual(series.map(({ label, name }) => [label, name]), [["b", "value-1"], ["a", "value-0"]]);
  assert.deepEqual([...colourNumbers(["c", "b"], new Map([["a", 0], ["b", 1]]))], [["b", 1], ["c", 0]]);
  assert.deepEqual([colour("error", 3, ["level"]), colour("5xx", 3, ["status_class"]), colour("x", 3, ["app"])], ["error", "error", "value-3"]);
});

test("the rarest groups are one series if their figures add up, and none if not", () => {
  const rows = Array.from({ length: 11 }, (_, index) => [at(0), `g${index}`, 20 - index]);
  const counts = seriesOf(overTime(rows), 2, WHEN, new Map());
  assert.deepEqual([counts.series.length, counts.series[8].label, counts.series[8].values[0], counts.hidden], [9, "3 others", 12 + 11 + 10, 0]);
  const averages = seriesOf(overTime(rows, { columns: ["time", "app", "avg_ms"], kinds: ["time", "group", "number"] }), 2, WHEN, new Map());
  assert.deepEqual([averages.series.length, averages.hidden, averages.series[0].values], [8, 3, [20, null, null]]);
});

test("of a largest or smallest figure the others are the largest or smallest", () => {
  const rows = Array.from({ length: 11 }, (_, index) => [at(0), `g${index}`, 20 - index]);
  for (const [name, value] of [["max_ms", 12], ["min_ms", 10]]) {
    const { series } = seriesOf(overTime(rows, { columns: ["time", "app", name], kinds: ["time", "group", "number"] }), 2, WHEN, new Map());
    assert.deepEqual([series[8].label, series[8].values[0]], ["3 others", value]);
  }
});

test("only figures over time have a chart", () => {
  const rows = [[at(0), "a", 1]];
  assert.ok(hasChart(overTime(rows)));
  for (const about of [{ every: null }, { rows: [] }, { kinds: ["time", "group", "text"] }]) assert.ok(!hasChart(overTime(rows, about)));
});

test("what the store no longer has is unknown and not 0", () => {
  const about = { by: [], columns: ["time", "count", "count_before", "count_change"], kinds: ["time", "count", "count", "count"], compare: { shift: 86_400, missing_until: null, known_since: at(1) } };
  const found = seriesOf(overTime([[at(0), 4, null, null], [at(1), 3, 2, 1]], about), 1, WHEN, new Map());
  assert.deepEqual([found.series[0].values, found.series[0].before], [[4, 3, 0], [null, 2, 0]]);
  assert.deepEqual(figuresOf(overTime([], about)), [1]);
  const partly = seriesOf({ ...overTime([[at(1), "a", 3]]), counted: Date.parse(at(1)) }, 2, WHEN, new Map());
  assert.deepEqual(partly.series[0].values, [null, 3, 0]);
});

test("names of figures and groups are told apart", () => {
  assert.deepEqual(["p95_rt", "count", "sum_", "avg_a_b"].map(figureName), ["p95 rt", "count", "sum_", "avg a_b"]);
  assert.deepEqual([[null], ["(none)"], [""], [" "], ["a", null], ['"x']].map(groupName), ["(none)", '"(none)"', "(empty)", '" "', "a, (none)", '"\\"x"']);
});

test("a table of two groups is turned, the most frequent first", () => {
  const found = answer(["app", "level", "count"], [["web", "info", 5], ["web", "error", 1], ["db", "info", 7]], { by: ["app", "level"], kinds: ["group", "group", "count"], units: [null, null, null] });
  assert.ok(canPivot(found) && isPivot(found));
  const turned = pivot(found, 2);
  assert.deepEqual(turned.columns, ["app", "count", "info", "error"]);
  assert.deepEqual(turned.rows, [["db", 7, 7, 0], ["web", 6, 5, 1]]);
  assert.deepEqual([turned.by, turned.oneFigure, leftOut(found, 2)], [["app"], true, 0]);
  // Few pairs say the same in less room as a list.
  const few = answer(found.columns, [["a", "x", 1], ["b", "y", 1], ["c", "z", 1]], { by: ["app", "level"], kinds: found.kinds });
  assert.ok(canPivot(few) && !isPivot(few));
});

test("a turned table has a column for the others if they can be added", () => {
  const rows = Array.from({ length: 10 }, (_, index) => ["web", `v${index}`, 10 - index]);
  const found = (kind) => answer(["app", "user", "x"], rows, { by: ["app", "user"], kinds: ["group", "group", kind] });
  const sums = pivot(found("count"), 2);
  assert.deepEqual([sums.columns.at(-1), sums.rows[0].at(-1), sums.rows[0][1]], ["(other)", 3, 55]);
  assert.equal(pivot(found("number"), 2).columns.length, 9);
  assert.equal(leftOut(found("number"), 2), 2);
});

test("a histogram has a bar for each step, cut at the range, and its levels add up", () => {
  const buckets = [{ time: at(0), count: 4, levels: { error: 1, info: 2 } }, { time: at(1), count: 0, levels: {} }, { time: at(5), count: 1, levels: {} }];
  const found = bars({ since: "2026-11-20T06:00:30Z", until: at(2), step: 60, end: at(6), buckets }, null);
  assert.deepEqual(found.map(({ start, end, from, to }) => [start, end, from, to].map((time) => new Date(time).toISOString().slice(14, 19))), [["00:00", "01:00", "00:30", "01:00"], ["01:00", "05:00", "01:00", "02:00"]]);
  assert.deepEqual(found[0].parts, [{ name: "error", count: 1 }, { name: "info", count: 2 }, { name: "none", count: 1 }]);
  assert.deepEqual(found[1].parts, []);
});
