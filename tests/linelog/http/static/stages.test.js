/** Stages of a query: the kind of its answer, its lines, coloured words, and what completes it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { page } from "./page.js";

const { asLines, besidePatterns, figuresBefore, kindOf, limitOf, pastOf, pieceOfQuery, withCondition, withOnly, withSort, wordsOfStages } = await page("stages.js");
const { share } = await page("fields.js");
const { canBeNumber, withoutSteps } = await page("single_number.js");

const TIMED = '"a | b" /c|d/ | extract "took <ms> ms" | where ms>5';

test("the kind of an answer and the query for its lines are known", () => {
  for (const [query, kind, lines] of [
    ["a |b c| d", "lines", "a |b c| d"],
    [TIMED, "lines", TIMED],
    [`${TIMED} | sort ms | limit 3`, "ordered", TIMED],
    ["| limit 3", "limit", ""],
    ["x | sample 20", "ordered", "x"],
    ["x | count by app | limit 3", "table", "x"],
    ["x | p95 ms every 5m", "table", "x"],
    ["x | where a>1 | count_distinct b | where b>2", "table", "x | where a>1"],
    ["x | patterns by app | limit 3", "lines", "x"],
    ["x |", "lines", "x"],
    ["`a | count by b`=1 | sort `c | d`", "ordered", "`a | count by b`=1"],
    ["x | count by a,`b | limit 3`", "table", "x"],
  ]) {
    assert.equal(kindOf(query), kind, query);
    assert.equal(asLines(query), lines, query);
  }
  assert.equal(limitOf("x | sample 20"), 20);
  assert.equal(limitOf("x | sort ms | limit 30"), 30);
  assert.equal(limitOf("x | limit 30 | sort ms | limit 5"), 5);
  assert.deepEqual(["x | patterns by app", "x | sort ms"].map(besidePatterns), ["x", "x | sort ms"]);
  assert.equal(pastOf("x | count by `a compare 1d` compare 1w"), "1w");
  assert.equal(pastOf("x | count by `a compare 1d`"), "");
});

test("words of stages are coloured, and names like them are not", () => {
  const words = (/** @type {string} */ query) => wordsOfStages(query).map(([start, end]) => query.slice(start, end));
  assert.deepEqual(words("x y | avg ms, count every 5m by app, by"), ["|", "avg", "count", "every", "by"]);
  assert.deepEqual(words("x | avg `a by b` by `by`,`every`, count every 1m"), ["|", "avg", "by", "count", "every"]);
});

test("a condition is added where its field is known", () => {
  for (const [query, field, expected] of [
    ["| count by app", "app", "app=1 | count by app"],
    ["x | count by app", "app", "x app=1 | count by app"],
    [`${TIMED} | sort ms`, "ms", `${TIMED.replace("ms>5", "ms=1 | where ms>5")} | sort ms`],
    ['| extract "<ms> s" | where -ms=1', "ms", '| extract "<ms> s" | where ms=1'],
  ]) assert.equal(withCondition(query, field, "1", false), expected);
  assert.equal(withCondition("x", "Request Path", "a b", true), 'x -`Request Path`="a b"');
  assert.equal(withOnly("x y=1 | where z | count by app", "app", "a b"), 'app="a b" | count by app');
});

test("lines are sorted by a field: the largest first, then the smallest, then as they come", () => {
  const first = withSort("x", "ms");
  const second = withSort(first, "ms");
  assert.deepEqual([first, second, withSort(second, "ms")], ["x | sort ms", "x | sort ms asc", "x"]);
});

test("a stage is completed by what can stand there", () => {
  for (const [query, kind, typed, word] of [
    ["x | so", "word", "so", "extract"],
    ["x | ", "word", "", "extract"],
    ["x | sort ", "name", "", ""],
    ["x | sort ms ", "word", "", "asc"],
    ["x | avg m", "name", "m", ""],
    ["x | avg ms ", "word", "", "by"],
    ["x | avg ms, co", "word", "co", "count"],
    ["x | avg ms by app,", "name", "", ""],
    ["x | avg ms by app ", "word", "", "every"],
    ["x | avg ms by app every ", "word", "", "1m"],
    ["x | avg ms by app every 1h ", "word", "", "compare"],
    ["x | count compare ", "word", "", "1d"],
    ["x | count every ", "word", "", "1m"],
    ["x | patterns ", "word", "", "by"],
    ["x | patterns by app ", "word", "", "since"],
    ["x | patterns since ", "word", "", "1h"],
    ["x | sam", "word", "sam", "extract"],
    ["x | where app=ss", "value", "ss", ""],
    ["x | where ap", "field", "ap", ""],
    ["x ap", "field", "ap", ""],
    ["x größ", "field", "größ", ""],
    ["x a.b/c", "field", "a.b/c", ""],
    ["x `Request Pa", "field", "Request Pa", ""],
    ["x `Request Path`=/a", "value", "/a", ""],
    ["x | count by `Request Pa", "name", "Request Pa", ""],
    ["x | count by `a | b`, `c d` ev", "word", "ev", "every"],
    ["x | sort `a``b", "name", "a`b", ""],
    ["x | where `a b`=c", "value", "c", ""],
    ["x | count by app | sort ", "figure", "", ""],
    ["x | count by app | where cou", "figure", "cou", ""],
    ["x | count by app | where app=ss", "value", "ss", ""],
    ["x | count as n | let share = n", "figure", "n", ""],
    ["x | count as n | let share = 2 * (", "figure", "", ""],
  ]) {
    const piece = pieceOfQuery(query, query.length);
    assert.deepEqual([piece.kind, piece.typed, piece.words?.[0] ?? "", piece.end], [kind, typed, word, query.length], query);
  }
  for (const query of ['x | extract "a', "x | sample 2", "x | count | let a", "x | count | let a = count ", "x | count | where count=5"]) {
    assert.equal(pieceOfQuery(query, query.length), null, query);
  }
});

test("figures are known by the names of their columns", () => {
  for (const [stages, names] of [
    ["count by app", ["app", "count"]],
    ['avg ms, p95 ms as slow, count if (a=1 or b="),") as n by app,`a b` every 5m', ["app", "a b", "avg_ms", "slow", "n"]],
    ["count if (app=x by) every 1h compare 1d", ["count_if"]],
    ["sum ms as a | let b = a / 2 | sort b", ["a", "b"]],
    ["sort ms", []],
  ]) {
    const query = `x | ${stages} | where `;
    assert.deepEqual(figuresBefore(query, query.length), names, stages);
  }
});

test("percentages say 0 and 100 only where it is none and all", () => {
  for (const [lines, sampled, said] of [[7, 20, "7"], [0, 5000, "0 %"], [1, 5000, "< 1 %"], [2500, 5000, "50 %"], [4999, 5000, "> 99 %"], [5000, 5000, "100 %"]]) {
    assert.equal(share(lines, sampled), said);
  }
});

test("a query may be a single number if it has no groups", () => {
  for (const [query, may] of [["x", true], ["x | count", true], ["x | avg ms every 5m", true], ["x | count by app", false], ["x | sort ms", false], ["x | patterns", false], ["x | count if (a by)", true]]) {
    assert.equal(canBeNumber(query), may, query);
  }
  assert.equal(withoutSteps("x | avg ms every 5m compare 1d"), "x | avg ms compare 1d");
  assert.equal(withoutSteps("x | avg `every 5m`"), "x | avg `every 5m`");
});
