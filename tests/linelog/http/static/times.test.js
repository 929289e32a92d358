/** Times in the zone of the page: what is shown, what is typed, and the ticks of an axis. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { page } from "./page.js";

const { exactTime, moment, ofLine, relativeDay, setPaper, setUtc, span, tick, typedTime, zone, zoneName } = await page("times.js");
const { ticks } = await page("ticks.js");
const { lastOf, secondsOf, spanAround, wrongLast } = await page("scope.js");
const { shownTime, timeOfPanel } = await page("board_time.js");

/** Do something where clocks are those of a zone. @param {string} name @param {() => void} act */
function inZone(name, act) {
  const before = process.env.TZ;
  process.env.TZ = name;
  try {
    act();
  } finally {
    process.env.TZ = before;
  }
}

test("a time without a zone is in the zone of the page", () => {
  for (const [typed, expected] of [
    ["2026-11-20", "2026-11-19T23:00:00.000Z"],
    ["2026-07-20 06:00", "2026-07-20T04:00:00.000Z"],
    ["2026-11-20T06:00:01.25", "2026-11-20T05:00:01.250Z"],
    ["2026-10-25 03:00", "2026-10-25T02:00:00.000Z"],
    ["2026-02-30", "2026-02-30"],
    ["24:00", "24:00"],
    ["2026-11-20T06:00Z", "2026-11-20T06:00Z"],
    [" 1 hour ago ", "1 hour ago"],
    ["", ""],
  ]) {
    assert.equal(exactTime(typed), expected);
    if (expected.endsWith(":00.000Z")) assert.equal(exactTime(typedTime(expected)), expected);
  }
  assert.equal(relativeDay("2026-11-20T06:00:00.000Z"), "2026-11-20T06:00:00.000Z");
  assert.match(relativeDay(exactTime("yesterday")), /^yesterday 00:00\+0[12]:00$/);
});

test("the zone is told to the server and to the reader, and UTC is none", () => {
  assert.equal(zoneName(), "Europe/Berlin");
  assert.match(zone().offset, /^UTC\+0[12]:00$/);
  setUtc(true);
  assert.deepEqual([zoneName(), zone(), exactTime("2026-07-20 06:00")], ["", { name: "UTC", offset: "" }, "2026-07-20T06:00:00.000Z"]);
  const { clock, day } = ofLine("2026-11-20T06:18:42.123456Z");
  assert.equal(clock, "06:18:42.123");
  // Later versions of ICU write no comma.
  assert.match(day, /^Friday,? 20 November 2026$/);
  setUtc(false);
  assert.equal(ofLine("2026-11-20T06:18:42.123456Z").clock, "07:18:42.123");
  assert.deepEqual(ofLine("not a time"), { clock: "not a time", day: "" });
});

test("a range under a second has different ends", () => {
  const of = (...ends) => span(...ends.map((one) => new Date(`2024-11-20T${one}Z`)));
  assert.equal(of("06:12:56.120", "06:12:56.87"), "20 Nov 07:12:56.120 – 07:12:56.870");
  assert.equal(of("06:12:56.120", "06:12:57.2"), "20 Nov 07:12:56 – 07:12:57");
  assert.equal(of("22:59:00", "23:01:00"), "20 Nov 23:59:00 – 21 Nov 00:01:00");
});

test("a moment has its day unless that is today, and on paper always", () => {
  assert.match(moment(new Date()), /^\d\d:\d\d:\d\d$/);
  assert.equal(moment(new Date("2024-11-20T06:18:42Z")), "20 Nov 07:18:42");
  setPaper(true);
  assert.match(moment(new Date()), /^\d+ \w+ \d\d:\d\d:\d\d$/);
  setPaper(false);
});

test("the label of a tick is a day at midnight", () => {
  const midnight = new Date("2026-11-19T23:00:00Z");
  assert.deepEqual([10, 3600, 86_400, 30.4 * 86_400].map((step) => tick(midnight, step)), ["00:00:00", "20 Nov", "20 Nov", "Nov 2026"]);
  assert.equal(tick(new Date("2026-11-20T06:20:00Z"), 120), "07:20");
});

test("ticks are at round times of the zone", () => {
  for (const [name, since, hours, most, expected] of [
    ["UTC", "2026-11-20T06:18:42Z", 0.25, 8, ["06:20", "06:22", "06:24", "06:26", "06:28", "06:30", "06:32"]],
    // Clocks there are at 45 minutes when ours are at the hour.
    ["Asia/Kathmandu", "2026-11-20T06:18:42Z", 6, 6, ["13:00", "14:00", "15:00", "16:00", "17:00", "18:00"]],
    ["America/New_York", "2026-11-18T12:00:00Z", 72, 5, ["2026-11-19", "2026-11-20", "2026-11-21"]],
    // An hour is missing there, and one comes twice.
    ["Europe/Berlin", "2026-03-29T00:00:00Z", 4, 6, ["01:00", "03:00", "04:00", "05:00"]],
    ["Europe/Berlin", "2026-10-24T12:00:00Z", 48, 3, ["2026-10-25", "2026-10-26"]],
    ["Europe/Berlin", "2026-01-15T12:00:00Z", 4800, 8, ["2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01", "2026-07-01", "2026-08-01"]],
    ["UTC", "2026-11-20T06:18:42.5Z", 0.002, 8, ["06:18:43", "06:18:44", "06:18:45", "06:18:46", "06:18:47", "06:18:48", "06:18:49"]],
    ["UTC", "2026-11-04T00:00:00Z", 672, 5, ["2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30"]],
  ]) inZone(name, () => {
    const begin = Date.parse(since);
    const found = ticks(begin, begin + hours * 3_600_000, most).times.map((time) => new Date(time).toLocaleString("sv-SE"));
    const cut = { 10: (text) => text.slice(0, 10), 5: (text) => text.slice(11, 16), 8: (text) => text.slice(11) }[expected[0].length];
    assert.deepEqual(found.map(cut), expected, name);
    if (expected[0].length !== 8) assert.ok(found.every((text) => text.endsWith(":00")));
  });
});

test("a length of time of an address is read, and a wrong one is told", () => {
  assert.deepEqual(["1h", "90m", "all", "x", ""].map((last) => lastOf({ last })), ["1h", "90m", "all", "15m", "15m"]);
  assert.equal(wrongLast({ last: "2h" }), "");
  assert.match(wrongLast({ last: "2 hours" }), /^last: 2 hours is not a length of time/);
  const seconds = (about) => secondsOf({ since: "", until: "", last: "", ...about });
  assert.deepEqual([seconds({}), seconds({ last: "2h" }), seconds({ last: "all" }), seconds({ since: "2026-11-20T06:00:00Z", until: "2026-11-20T06:01:00Z" })], [900, 7200, NaN, 60]);
  assert.deepEqual(spanAround("2026-11-20T06:18:42.5Z", 5), { since: "2026-11-20T06:18:37.500Z", until: "2026-11-20T06:18:47.501Z" });
  assert.equal(spanAround("no time", 5), null);
});

test("a panel shows the time of its search, or that of the board", () => {
  const none = { last: "", since: "", until: "" };
  const board = { ...none, last: "1h", zoom: null };
  const zoom = { since: "2026-11-20T06:00:00Z", until: "2026-11-20T06:01:00Z" };
  for (const [saved, panel, of, last] of [
    [{}, {}, { ...none, zoom: null }, ""],
    [{}, {}, board, "1h"],
    [{ last: "7d" }, {}, { ...none, zoom: null }, "7d"],
    [{ last: "7d" }, {}, board, "7d"],
    [{ last: "7d" }, { time: "board" }, board, "1h"],
  ]) {
    const found = timeOfPanel(saved, panel, of);
    assert.deepEqual(shownTime(found), { ...none, last });
    assert.deepEqual(shownTime(timeOfPanel(saved, panel, { ...of, zoom })), { ...none, ...zoom });
    assert.equal(found.isOther, last === "7d" && of === board);
  }
});
