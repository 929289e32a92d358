/** What the page shows and what it is asked for, from a request to its answer. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { page } from "./page.js";

const { PageStates } = await page("page_states.js");

const NOW = { since: "15m", until: "" };
const empty = { q: "", since: "", until: "", position: "", last: "", rows: "", columns: "", by: "" };
const begun = (about = {}) => new PageStates({ ...empty, ...about });

test("what is wanted is current once the server has accepted it", () => {
  const states = begun();
  const { turn, narrowed } = states.ask({ q: "x" }, true, true);
  assert.ok(narrowed && states.isLast(turn) && states.isAsking);
  assert.deepEqual([states.current.q, states.wanted.q, states.answered], ["", "x", null]);
  assert.ok(states.accepted(NOW));
  states.end();
  assert.deepEqual([states.current.q, states.answered.q, states.scope, states.isAsking], ["x", "x", NOW, false]);
});

test("only the answer to the last request is used, and a step of an earlier one is not forgotten", () => {
  const states = begun();
  const first = states.ask({ q: "a" }, true, true);
  const second = states.ask({ q: "ab" }, false, false);
  assert.deepEqual([states.isLast(first.turn), states.isLast(second.turn)], [false, true]);
  assert.ok(states.accepted(NOW));
  states.ask({ q: "abc" }, false, false);
  assert.ok(!states.accepted(NOW));
});

test("bars and values are asked for if the lines are others", () => {
  const states = begun({ q: "x" });
  states.ask({}, false, true);
  states.accepted(NOW);
  for (const [change, narrowed] of [[{ q: "x | sort ms" }, false], [{ rows: "2" }, false], [{ q: "y" }, true]]) {
    assert.equal(states.ask(change, false, false).narrowed, narrowed, JSON.stringify(change));
  }
  // What was wanted meanwhile is dimmed: the way back asks again.
  assert.ok(states.ask({ q: "x" }, false, false).narrowed);
  states.accepted(NOW);
  assert.ok(!states.ask({}, false, false).narrowed);
});

test("a change of what was refused begins with what was refused, without its line", () => {
  const states = begun({ position: "1:0" });
  states.ask({}, false, true);
  states.accepted(NOW);
  states.ask({ q: "x(", position: "1:7" }, true, false);
  states.refused();
  states.end();
  assert.deepEqual([states.current.q, states.wanted.q, states.wanted.position], ["", "x(", "1:0"]);
  states.ask({ last: "1h" }, true, false);
  assert.deepEqual([states.wanted.q, states.wanted.last], ["x(", "1h"]);
});

test("sorted lines and figures have no position", () => {
  for (const [q, position] of [["x", "1:0"], ["x | sort ms", ""], ["x | count", ""]]) {
    const states = begun();
    states.ask({ q, position: "1:0" }, false, true);
    assert.equal(states.wanted.position, position, q);
  }
});

test("a request that is asked again later ends with the next one, or when it is cancelled", () => {
  const states = begun();
  for (const end of [() => states.cancel(), () => states.ask({ q: "y" }, false, false)]) {
    const { turn } = states.ask({ q: "x" }, false, true);
    let isAgain = false;
    states.retryLater(Number(setTimeout(() => (isAgain = true), 3_600_000)));
    states.end();
    assert.ok(states.willRetry && !states.isAsking && !isAgain);
    end();
    assert.ok(!states.willRetry && !states.isLast(turn));
  }
  assert.ok(states.isAsking);
  states.cancel();
  assert.ok(!states.isAsking);
});

test("rows and columns change in what is shown and in what is wanted, without a request", () => {
  const states = begun();
  states.ask({ q: "x" }, false, true);
  const { turns } = states;
  states.layOut({ rows: "all" });
  assert.deepEqual([states.current.rows, states.wanted.rows, states.current.q, states.turns], ["all", "all", "", turns]);
  states.accepted(NOW);
  assert.equal(states.answered.rows, "all");
});

test("a way back is there as long as a time or a line is shown or wanted", () => {
  const states = begun();
  assert.ok(!states.hasTime);
  states.ask({ since: "1h" }, false, true);
  assert.ok(states.hasTime);
  states.begin({ ...empty, position: "1:0" });
  assert.ok(states.hasTime);
  states.begin(empty);
  assert.ok(!states.hasTime);
});
