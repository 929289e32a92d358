/** Numbers, sizes and units as people read them, axes of figures, and the lag of targets in words. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { page } from "./page.js";

const { counted, figure, long, recordsAndLines, size } = await page("times.js");
const { formatOf, percent, shown, shownChange, unitFor } = await page("units.js");
const { drawable, scale, short } = await page("scale.js");
const { parseJson, search } = await page("api.js");
const { shipped } = await page("health.js");

test("sizes and numbers are readable", () => {
  for (const [bytes, text] of [[0, "0 bytes"], [1536, "1.5 KiB"], [200 * 1024 ** 3, "200 GiB"], [5 * 1024 ** 6, "5,242,880 TiB"]]) assert.equal(size(bytes), text);
  assert.equal(counted(1, "line"), "1 line");
  assert.equal(counted(12345, "line"), "12,345 lines");
  assert.equal(counted(2, "entry", "entries"), "2 entries");
  assert.equal(recordsAndLines({ records: 2, lines: 5 }), "2 records, 5 lines");
  assert.equal(recordsAndLines({ records: 1, lines: 1 }), "1 line");
  assert.deepEqual([5, 90, 5400, 172_800, 2_629_746, 12 * 2_629_746].map(long), ["5 s", "1.5 min", "1.5 h", "2 d", "1 mo", "1 y"]);
});

test("a figure is short however small or large it is", () => {
  // A text of digits is an integer that a number cannot hold.
  for (const [value, text] of [
    [1e-300, "1e-300"],
    [-2.5e-9, "−2.5e-9"],
    [0.0000123, "0.0000123"],
    [0, "0"],
    [1.18e18, "1.18e+18"],
    [-1.5e300, "−1.5e+300"],
    [123_456_789_012.25, "123,456,789,012.25"],
    [9_007_199_254_740_991, "9,007,199,254,740,991"],
    ["18446744073709551615", "18,446,744,073,709,551,615"],
    ["-9007199254740993", "−9,007,199,254,740,993"],
  ]) assert.equal(figure(value), text);
});

test("numbers of a column that a browser cannot hold are exact, or have no digits that are not known", () => {
  for (const [numbers, texts] of [
    [["18446744073709551615", 1], ["18,446,744,073,709,551,615", "1"]],
    [["-9007199254740993", 0.5], ["−9,007,199,254,740,993.0", "0.5"]],
    [[1e-300, 2e-300], ["1e-300", "2e-300"]],
    [[-1.5e300], ["−1.5e+300"]],
  ]) assert.deepEqual(numbers.map((one) => shown(one, formatOf(numbers, ""))), texts);
});

test("a column is shown in one unit, and its changes with as many decimals", () => {
  assert.deepEqual(unitFor(1800, "s"), { size: 60, unit: "min" });
  assert.deepEqual(unitFor(1800, "constructor"), { size: 1, unit: "constructor" });
  const format = formatOf([1536, 2048], "B");
  assert.deepEqual([1536, 2048].map((one) => shown(one, format)), ["1.5 KiB", "2.0 KiB"]);
  // The unit is that of a usual number: neither the first one nor the largest.
  assert.deepEqual(formatOf([2_000_000, 30, 10, 3600, 20], "s"), { size: 1, unit: "s", decimals: 0 });
  assert.equal(shown(0.113, formatOf([0.113], "share")), "11.3 %");
  assert.equal(shownChange(0.5, { size: 1, decimals: 2, unit: "s" }), "+0.50 s");
  assert.equal(shownChange(0, { size: 1, decimals: 0, unit: "" }), "0");
  assert.equal(shownChange(-0.5, { size: 1, decimals: 1, unit: "" }), "−0.5");
  assert.deepEqual([0, 1, 0.256, 0.0125, 0.00001].map(percent), ["0 %", "100 %", "26 %", "1.3 %", "< 0.1 %"]);
});

test("an integer of an answer keeps its digits", () => {
  for (const [text, value] of [
    ['{"id":1175928847299117063,"n":[-9007199254740993,5]}', { id: "1175928847299117063", n: ["-9007199254740993", 5] }],
    ['{"id":1175928847299117063,"m":"a\\",\\"b,1175928847299117063,"}', { id: "1175928847299117063", m: 'a","b,1175928847299117063,' }],
  ]) assert.deepEqual(parseJson(text), value);
  const others = "[0.12345678901234567,1234567890123456,1234567890123456789e3]";
  assert.deepEqual(parseJson(others), JSON.parse(others));
});

test("lines that came before an error of a search are shown before it", async (context) => {
  context.mock.method(globalThis, "fetch", async () => new Response('{"position": "1:0"}\n{"error": "too long"}\n'));
  const found = [];
  await assert.rejects(async () => {
    for await (const group of await search({})) found.push(...group);
  }, { message: "too long" });
  assert.deepEqual(found, [{ position: "1:0" }]);
});

test("the ticks of figures are round and have room for 0", () => {
  for (const [least, most, count, ticks] of [
    [0, 10, 5, [0, 2, 4, 6, 8, 10]],
    [3, 7, 2, [0, 5, 10]],
    [-3, 2, 5, [-3, -2, -1, 0, 1, 2]],
    [0, 0, 4, [0, 1]],
    [0, 0.3, 3, [0, 0.1, 0.2, 0.3]],
    [0, 1e300, 2, [0, 5e299, 1e300]],
  ]) {
    const found = scale(least, most, count);
    assert.deepEqual(found.ticks, ticks);
    assert.ok(found.low <= least && found.high >= most);
  }
  assert.deepEqual([Infinity, -Infinity, 5].map(drawable), [1e300, -1e300, 5]);
});

test("the label of a tick is short", () => {
  for (const [value, text] of [[250, "250"], [9999, "9,999"], [10_000, "10k"], [1.5e6, "1.5M"], [-2e9, "−2G"], [2e21, "2e21"], [0.00002, "2e−5"], [0, "0"]]) assert.equal(short(value), text);
});

test("the lag of targets is put into words", () => {
  const metrics = (name, up, lines, bytes, seconds) => {
    const told = Object.entries({ up, lag_lines: lines, lag_bytes: bytes, lag_seconds: seconds });
    return ["# HELP logsrv_ship_up x", ...told.map(([what, one]) => `logsrv_ship_${what}{target="${name}"} ${one}`), ""].join("\n");
  };
  const well = metrics("a", 1, 0, 0, "0.0") + metrics("b-2", 1, 7, 900, 0.2);
  assert.deepEqual(shipped(well), { said: "shipped to 2 targets", each: "a: has all\nb-2: 7 lines, 900 bytes, 0 s behind" });
  assert.equal(shipped(well + metrics("c", 0, 12345, 2 * 1024 ** 2, 61.4)).said, "c takes nothing: 12,345 lines, 2.0 MiB, 61 s behind");
  const { said, each } = shipped(metrics("d", 1, 9, 1_000_000, 2500) + metrics("e", 0, 0, 0, 0));
  assert.equal(said, "d: 9 lines, 977 KiB, 2,500 s behind, and 1 more");
  assert.ok(each.endsWith("\ne takes nothing: has all"));
  const rule = metrics("a", 1, 3, 90, "0.0").replaceAll("{target", '{rule="audit",target');
  const ofRule = shipped(well + rule);
  assert.equal(ofRule.said, "shipped to 2 targets");
  assert.ok(ofRule.each.endsWith("\na (stores/audit): 3 lines, 90 bytes, 0 s behind"));
  assert.deepEqual(shipped("logsrv_x 1\n"), { said: "", each: "" });
});
