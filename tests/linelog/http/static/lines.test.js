/** Lines as the page has them: their order, their parts, their columns, their ids, and those that wait. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { page } from "./page.js";

const { compare, forgetAll, isPosition, know, storeOf } = await page("position.js");
const { folded, printable, runs, shortened, unfolded, visible } = await page("text.js");
const { bodyOf, hostnameOf, originOf, summarize } = await page("summary.js");
const { hasMessage, readColumns, switchColumn, valueOf, writtenColumns } = await page("columns.js");
const { idsOf } = await page("ids.js");
const { Queue } = await page("queue.js");
const { Pace } = await page("pace.js");
const { fileName } = await page("board_file.js");

const RELAY = "udp:10.0.0.1:514";
const HEADER = { facility: "user", severity: "notice", timestamp: "Nov 20 06:18:42" };
const record = (message, fields = {}, about = {}) => ({ position: "1:0", time: "", source: RELAY, message, level: "info", fields, ...about });

test("positions are ordered by number, and those of several stores by time", () => {
  assert.ok(compare("9:1", "10:0") < 0);
  assert.ok(compare("2:1000", "2:999") > 0);
  assert.equal(compare("2:7", "2:7"), 0);
  assert.ok(compare("audit/9:1", "audit/10:0") < 0);
  // Nothing is known of the lines: in the order in which the server has stores.
  assert.ok(compare("9:1", "fw/1:0") < 0);
  assert.ok(compare("fw/9:1", "audit/1:0") < 0);
  know([{ position: "9:1", time: "2026-11-20T06:00:02Z" }, { position: "fw/1:0", time: "2026-11-20T06:00:01Z" }]);
  assert.ok(compare("9:1", "fw/1:0") > 0);
  forgetAll();
  assert.ok(compare("9:1", "fw/1:0") < 0);
  assert.deepEqual(["1:0", "audit/17:52311", "x:1", "a/b/1:2", ""].map(isPosition), [true, true, false, false, false]);
  assert.deepEqual(["1:0", "audit/1:0"].map(storeOf), ["", "audit"]);
});

test("colours of a terminal become class names, and nothing else that it obeys is left", () => {
  for (const [message, expected] of [
    ["a\\x1b[31mb\\x1b[0mc", [["a", ""], ["b", "fg-red"], ["c", ""]]],
    ["\\x1b[1;92;44mx", [["x", "fg-green bg-blue"]]],
    ["\\x1b[38;5;196mx\\x1b[39my", [["x", "fg-red"], ["y", ""]]],
    ["\\x1b[38;2;10;200;250mx", [["x", "fg-cyan"]]],
    ["\\x1b[2Jx\\x1b]0;t", [["\\x1b[2Jx\\x1b]0;t", ""]]],
    ["\\x1b[38;5m\\x1b[;;;mx\\x1b[999mz", [["x", ""], ["z", ""]]],
    ["a\u202eb\x1b", [["a", ""], ["\\u202e", "escaped"], ["b", ""], ["\\x1b", "escaped"]]],
  ]) assert.deepEqual(runs(message).map(({ text, style }) => [text, style]), expected, message);
});

test("texts of strangers are shown as codes where they would do something", () => {
  assert.equal(printable("a\nb\x1b[31m\u202e\u0000"), "a\\x0ab\\x1b[31m\\u202e\\x00");
  assert.equal(folded("a\nb"), "a\\x0ab");
  assert.equal(unfolded("a\\x0d\\x0ab\\x09c\\\\x0a"), "a\nb\tc\\\\x0a");
  assert.deepEqual(["  ", "\t", "\u00a0", "a "].map(visible), ['"  "', '"\\t"', '"\\xa0"', "a "]);
  assert.equal(shortened("x".repeat(301)), `${"x".repeat(300)}…`);
  // No half of a character is left.
  assert.equal(shortened(`${"x".repeat(299)}😀`), `${"x".repeat(299)}…`);
});

test("a row does not repeat itself", () => {
  const header = { ...HEADER, hostname: "gate", app: "sshd" };
  const order = { level: "info", msg: "placed", n: 17, "a.b": "x y", tags: ["p", "q"] };
  for (const [line, expected] of [
    [record("<38>Nov 20 06:18:42 gate sshd[8]: no", { ...header, pid: "8", text: "no" }), "_sshd[8]: _no"],
    [record('<13>1 2026-11-20T06:18:42Z gate sshd - - [a@1 x="\\]"][b@1] hi', { ...header, text: "hi", "a@1.x": "]" }), '_sshd: _hi_ [a@1 x="\\]"][b@1]_'],
    [record(JSON.stringify(order), order), 'placed_ n=17 a.b="x y" tags=p,q_'],
    [record('<13>Nov 20 06:18:42 gate sshd: {"msg":"m","k":1}', { ...header, k: 1, msg: "m", text: '{"msg":"m","k":1}' }), "_sshd: _m_ k=1_"],
    [record('{"a":1,"ts":2}', { a: 1, ts: 2 }), "a=1"],
    [record('{"hostname":"gate","name":"shop","event":"e"}', { hostname: "gate", name: "shop", event: "e" }, { app: "shop" }), "_shop: _e"],
    [record("a=1 text=b", { a: 1, text: "b" }), "a=1 text=b"],
    [record('ts=1 level=info at=a.go msg="a b"', { ts: "1", level: "info", at: "a.go", msg: "a b" }), "a b_ at=a.go_"],
    [record("level=info msg=up", { level: "info", msg: "up" }), "up"],
    [record("level=info msg=up and more", { level: "info", msg: "up" }), "level=info msg=up and more"],
    [record("<13>Nov 20 06:18:42 gate sshd: k=1 msg=m", { ...header, k: "1", msg: "m", text: "k=1 msg=m" }), "_sshd: _m_ k=1_"],
    [record("<13>Nov 20 06:18:42 gate sshd: a=1 text=b", { ...header, a: 1, text: "b" }), "<13>Nov 20 06:18:42 gate sshd: a=1 text=b"],
    [record("<13>Nov 20 06:18:42 gate sshd: ", { ...header, text: "" }), "<13>Nov 20 06:18:42 gate sshd: "],
    [record('{"not json", a}'), '{"not json", a}'],
    [record('{"msg":{"a":[]}}'), '{"msg":{"a":[]}}'],
  ]) {
    const said = summarize(line, []).map(({ text, style }) => (style ? `_${text}_` : text)).join("");
    assert.equal(said, expected);
  }
});

test("a line of a record adds its message alone", () => {
  assert.equal(bodyOf(record('{"msg":"m","k":1}', { msg: "m", k: 1 })), "m");
  assert.equal(bodyOf(record(" at x")), " at x");
});

test("a line of an access log is its request and its answer, and all else is behind them", () => {
  const fields = { client: "10.0.0.1", method: "GET", path: "/api/orders/with/a/long/path", status: "503", bytes: 2048, rt: 0.25 };
  const message = '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /api/orders/with/a/long/path HTTP/1.1" 503 2048 "-" "curl" rt=0.25';
  const parts = (columns) => summarize(record(message, fields), columns).map(({ text, style }) => (style ? `_${style}:${text}_` : text)).join("");
  const behind = '_key: 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "-" "curl" rt=0.25_';
  assert.equal(parts([]), `GET _path:/api/orders/with/a/long/path_ _status-5:503_ 2.0 KiB 0.25 s ${behind}`);
  assert.equal(parts(["status", "bytes", "rt"]), `GET _path:/api/orders/with/a/long/path_ ${behind}`);
  // A path with a space, as the server reads it.
  const spaced = '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /a b HTTP/1.1" 200 -';
  assert.equal(summarize(record(spaced, { method: "GET", path: "/a b", status: "200" }), [])[0].text, "GET /a b 200 ");
  // Only a line of that form: another one has such fields, too.
  assert.equal(summarize(record("x", fields), [])[0].text, "x");
});

test("the host in a message is shown, else the sender without its port", () => {
  for (const [fields, source, host] of [
    [{ hostname: "web1" }, RELAY, "web1"],
    [{ "resource.host.name": ["a", "b"] }, RELAY, "a"],
    [{ host: "inner", hostname: "outer" }, RELAY, "outer"],
    [{}, RELAY, ""],
    [{}, "tcp:[2001:db8::1]:99", ""],
  ]) {
    assert.equal(hostnameOf(record("x", fields, { source })), host);
    assert.equal(originOf(record("x", fields, { source })), host || source.replace(/:\d+$/, ""));
  }
});

test("a column has what a query finds", () => {
  const line = record("{}", { host: "inner", app: "a", tags: ["x", "y"], status: "404" });
  for (const [source, name, expected] of [
    ["web@tcp:[2001:db8::1]:99", "host", "2001:db8::1"],
    ["web@tcp:[2001:db8::1]:99", "name", "web"],
    [RELAY, "port", "514"],
    ["unix:/run/x", "host", ""],
    [RELAY, "fields.host", "inner"],
    [RELAY, "syslog.app", "a"],
    [RELAY, "tags", "x,y"],
    [RELAY, "constructor", ""],
    [RELAY, "level", "info"],
    [RELAY, "status_class", "4xx"],
  ]) assert.equal(valueOf({ ...line, source }, name), expected, name);
});

test("columns of an address are read, switched and written", () => {
  assert.deepEqual(readColumns("time,app,app,message,`a b`"), ["time", "app", "a b"]);
  assert.deepEqual(["", "app", "app,message", "message"].map(hasMessage), [true, false, true, true]);
  assert.deepEqual(switchColumn([], "app"), ["time", "level", "app"]);
  assert.deepEqual(switchColumn(["time", "app"], "app"), ["time"]);
  assert.equal(switchColumn(["1", "2", "3", "4", "5", "6", "7", "8"], "9").length, 8);
  assert.equal(writtenColumns(["time", "a b"]), "time,`a b`,message");
  assert.equal(writtenColumns(["time"], false), "time");
});

test("only ids are taken for some", () => {
  const ids = (message, fields = {}) => idsOf({ message, fields });
  const uuid = "550e8400-e29b-41d4-a716-446655440000";
  assert.deepEqual(ids(`a ${uuid}, 01ARZ3NDEKTSV4RRFFQ69G5FAV`), [uuid, "01ARZ3NDEKTSV4RRFFQ69G5FAV"]);
  assert.deepEqual(ids("12345678901234567890 deadbeefdeadbeefdead 2026-11-20"), []);
  assert.deepEqual(ids("x", { trace_id: "t-1234", paid: "123456" }), ["t-1234"]);
});

const line = (number) => ({ type: "line", id: `1:${number}`, data: "{}" });
const missed = (lines) => ({ type: "missed", id: "", data: JSON.stringify({ lines, from: "2:0" }) });

test("of the waiting lines the newest are kept, and the others are counted", () => {
  const queue = new Queue();
  queue.push([missed(40), missed(null), ...Array.from({ length: 1000 }, (_, number) => line(number))]);
  assert.deepEqual([queue.size, queue.skipped, queue.waiting], [1000, 40, 1040]);
  queue.push([missed(7)]);
  assert.equal(queue.skipped, 41);
  queue.keep(2);
  const taken = queue.take(5);
  assert.deepEqual(taken, [{ lines: 1039, why: "skipped", from: "2:0" }, line(999), { lines: 7, why: "missed", from: "2:0" }]);
  assert.deepEqual([queue.size, queue.waiting], [0, 0]);
});

test("another store is noticed, even if what tells of it came before lines that are left out", () => {
  const queue = new Queue();
  const first = { type: "missed", id: "", data: JSON.stringify({ lines: null, from: "1:0" }) };
  queue.push([missed(1), first, ...Array.from({ length: 1001 }, (_, number) => line(number))]);
  assert.deepEqual(queue.take(1)[0], { lines: 2, why: "skipped", from: "1:0" });
  queue.push([line(1)]);
  assert.deepEqual(queue.take(1001).slice(-1), [line(1)]);
  queue.skipped = 1;
  assert.deepEqual(queue.take(1), [{ lines: 1, why: "skipped" }]);
});

test("what a search has brought is not shown twice, in one store or in several", () => {
  const ids = (queue) => queue.events.map(({ id }) => id);
  const queue = new Queue();
  queue.push([line(5), missed(1), line(9), line(12)]);
  queue.keepLater("1:9", new Map());
  assert.deepEqual(ids(queue), ["", "1:12"]);
  // A place in several stores does not tell whether a line is there: its position does.
  const several = new Queue();
  several.push(["1:5", "fw/2:0"].map((position) => ({ type: "line", id: "1:6,fw/2:1", data: JSON.stringify({ position }) })));
  several.keepLater("1:9", new Map([["fw/2:0", null]]));
  assert.deepEqual(several.events.map(({ data }) => JSON.parse(data).position), ["1:5"]);
});

test("a frame that comes late shows fewer lines, and a pause is shown over several frames", () => {
  const queue = new Queue();
  const pace = new Pace();
  const fill = () => queue.push(Array.from({ length: 1000 }, (_, number) => line(number)));
  fill();
  pace.backlog = 1000;
  assert.equal(pace.take(queue, 1000).length, 200);
  // 50 ms after a full frame.
  assert.equal(pace.take(queue, 1050).length, 140);
  assert.equal(pace.take(queue, 1060).length, 144);
  queue.keep(0);
  queue.take(0);
  fill();
  pace.backlog = 0;
  // For a second, lines may be late.
  assert.equal(pace.take(queue, 1070).length, 148);
  fill();
  assert.deepEqual(pace.take(queue, 2010)[0], { lines: 852 + 1000 - 5 * 103, why: "skipped" });
});

test("a slow browser skips no lines of a burst that it can show within a second", () => {
  const queue = new Queue();
  const pace = new Pace();
  let now = 1000;
  for (let burst = 0; burst < 10; burst += 1, now += 100) {
    queue.push(Array.from({ length: 200 }, (_, number) => line(number)));
    const shown = [];
    for (; queue.size; now += 60) shown.push(...pace.take(queue, now));
    assert.deepEqual(shown.map(({ id }) => id), Array.from({ length: 200 }, (_, number) => `1:${number}`));
  }
});

test("a browser that had nothing to show is not a slow one", () => {
  const queue = new Queue();
  const pace = new Pace();
  for (let burst = 1; burst < 10; burst += 1) {
    queue.push(Array.from({ length: 200 }, (_, number) => line(number)));
    assert.equal(pace.take(queue, burst * 1000).length, 200);
  }
});

test("the file of a board has a name that every system takes", () => {
  for (const [name, file] of [["shop", "shop"], ["../../etc/passwd", "etc-passwd"], ["a/b\\c:d*?", "a-b-c-d"], [".hidden", "hidden"], ["größe é", "größe-é"], ["\u202exe.\x1b", "xe"], ["///", "file"], ["", "file"], ["x".repeat(200), "x".repeat(50)], ["😀", "file"]]) {
    assert.equal(fileName(name), `logsrv-board-${file}.json`);
  }
});
