/** Queries as the page reads and changes them: terms, marked texts, names, values of variables. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { page } from "./page.js";

const { atoms, fieldName, pieceAt, quoted, withBoth, withTerm } = await page("query.js");
const { isField, nameOf, namesOf, writtenField } = await page("field_names.js");
const { sortOf, wanted, withCondition } = await page("stages.js");
const { chosenIn, filled, shownValue, valueInQuery } = await page("variable_values.js");

test("a term is added once, its opposite goes, and what OR binds less is put into brackets", () => {
  for (const [query, exclude, expected] of [
    ["", false, "app=sshd"],
    ["", true, "-app=sshd"],
    ["x", false, "x app=sshd"],
    ["app=sshd x", false, "app=sshd x"],
    ["-app=sshd x", true, "-app=sshd x"],
    ["-app=sshd x", false, "x app=sshd"],
    ["x app=sshd", true, "x -app=sshd"],
    ["a OR b", false, "(a OR b) app=sshd"],
    ["app=cron", true, "app=cron -app=sshd"],
    ["NOT app=sshd", false, "app=sshd"],
    ["x NOT app=sshd y", false, "x y app=sshd"],
    ["-app=sshd /a  b/", false, "/a  b/ app=sshd"],
    ["app=sshd OR x", true, "(app=sshd OR x) -app=sshd"],
    ["a OR x app=sshd", true, "(a OR x app=sshd) -app=sshd"],
    ["x AND app=sshd", true, "x -app=sshd"],
    ["app=sshd AND x", true, "x -app=sshd"],
    ["x AND NOT app=sshd AND y", false, "x AND y app=sshd"],
    ["-(app=sshd) x", false, "-(app=sshd) x app=sshd"],
    ["-(x app=sshd)", false, "-(x app=sshd) app=sshd"],
  ]) assert.equal(withTerm(query, "app", "sshd", exclude), expected, query);
});

test("a value is quoted if it would be read as something else", () => {
  for (const [value, text] of [["a b", '"a b"'], ['say "x"', '"say \\"x\\""'], ["*", '"*"'], ["", '""'], ["(", '"("'], ["C:\\x", '"C:\\\\x"'], ["é/1", "é/1"]]) {
    assert.equal(quoted(value), text);
    assert.equal(withTerm("", "f", value, false), `f=${text}`);
  }
});

test("a term for any value is none for an asterisk", () => {
  for (const [query, value, exclude, expected] of [
    ["", null, true, "-app=*"],
    ["x", null, false, "x app=*"],
    ["-app=*", null, true, "-app=*"],
    ["-app=* x", null, false, "x app=*"],
    ["app=*", "*", true, 'app=* -app="*"'],
    ['-app="*"', null, false, '-app="*" app=*'],
  ]) assert.equal(withTerm(query, "app", value, exclude), expected, query);
  assert.equal(withCondition('| extract "<ms> s" | where -ms=*', "ms", null, false), '| extract "<ms> s" | where ms=*');
});

test("two queries are joined so that both hold", () => {
  assert.equal(withBoth("a OR b", "c"), "(a OR b) c");
  assert.equal(withBoth(" a ", "c"), "a c");
  assert.equal(withBoth("", "c"), "c");
});

test("texts and expressions that a line has to have are marked, and none that it may not have", () => {
  for (const [query, texts, regexes] of [
    ["timeout -login", ["timeout"], []],
    ['"a b" NOT c d', ["a b", "d"], []],
    ["-(a b) c", ["c"], []],
    ["a OR b AND c", ["a", "b", "c"], []],
    ["/user=\\d+/ x", ["x"], ["user=\\d+"]],
    ["/a\\/b/", [], ["a/b"]],
    ["/var/log", ["/var/log"], []],
    ["http://x level=error app:ssh", ["http://x"], []],
    ["12:30:45 10.0.0.1:8080", ["12:30:45", "10.0.0.1:8080"], []],
    ['"unfinished', ["unfinished"], []],
    ["`Request Path`=x a/b=c größe:d `users` e/http://f", ["`users`", "e/http://f"], []],
    ["a `unfinished name", ["a"], []],
    ["NOT NOT x -", ["x", "-"], []],
    ["a | where b -c | count by d | where e", ["a", "b"], []],
  ]) assert.deepEqual(wanted(query), { texts, regexes }, query);
});

test("a list of values is one condition, which stays when a term is added", () => {
  const query = 'a status in (500, "5 2") -app in(x) b';
  const found = atoms(query);
  assert.deepEqual(found.map((one) => [one.kind, one.field, query.slice(one.start, one.end), one.negated]), [
    ["word", undefined, "a", false],
    ["field", "status", 'status in (500, "5 2")', false],
    ["field", "app", "app in(x)", true],
    ["word", undefined, "b", false],
  ]);
  assert.equal(withTerm(query, "app", "x", false), `${query} app=x`);
  for (const unfinished of ["status in (", "status in (500, ", 'status in ("a b']) assert.deepEqual(atoms(unfinished).map((one) => one.operator), ["in"]);
  assert.deepEqual(atoms("logged in as").map((one) => one.text), ["logged", "in", "as"]);
});

test("the piece at the cursor is a name or a value, and none inside a list or an expression", () => {
  for (const [query, cursor, piece] of [
    ["", 0, { kind: "field", field: "", typed: "", start: 0, end: 0 }],
    ["ap x", 2, { kind: "field", field: "", typed: "ap", start: 0, end: 2 }],
    ["app=ss", 6, { kind: "value", field: "app", typed: "ss", start: 4, end: 6 }],
    ["app=ss", 2, { kind: "field", field: "", typed: "ap", start: 0, end: 3 }],
    ['app="s s"', 7, { kind: "value", field: "app", typed: "s ", start: 4, end: 9 }],
    ["app~/x/", 6, null],
    ["app in (x", 9, null],
    ["app>=5", 4, null],
  ]) assert.deepEqual(pieceAt(query, cursor), piece, `${query} at ${cursor}`);
});

test("a name of a field is written as it is, or in backticks, and read back", () => {
  for (const [name, written] of [["app", "app"], ["a b", "`a b`"], ["by", "`by`"], ["a`b", "`a``b`"], ["größe", "größe"], ["", "``"], ["1a", "`1a`"], ["@timestamp", "@timestamp"]]) {
    assert.equal(writtenField(name), written);
    assert.equal(nameOf(written), name);
  }
  assert.equal(nameOf("`Request Pa"), "Request Pa");
  assert.deepEqual(namesOf("time, `Request, Path`,,message"), ["time", "Request, Path", "message"]);
  assert.deepEqual(["app", "", "a\nb", "x".repeat(501), "a\x1bb"].map(isField), [true, false, false, false, false]);
  assert.deepEqual(["level", "user"].map(fieldName), ["fields.level", "user"]);
  assert.equal(sortOf("a | sort time asc"), "");
  assert.equal(sortOf("a | sort ms asc"), "ms");
});

const HOST = { variable: "host", field: "hostname", written: "hostname", op: "=", before: "", all: "" };

test("values of a variable stand in the query as values and nothing else", () => {
  assert.deepEqual(["web1", "a | count", '"', "", "-x", "$a"].map(valueInQuery), ["web1", '"a | count"', '"\\""', '""', '"-x"', '"$a"']);
  for (const [about, values, query] of [
    [{}, undefined, " x"],
    [{ all: "message=* " }, [], "message=*  x"],
    [{}, ["web1"], "hostname=web1 x"],
    [{ before: "NOT " }, ["web1", "web 2"], 'NOT hostname in (web1, "web 2") x'],
    [{ op: "!=" }, ["a", "b"], "(hostname!=a hostname!=b) x"],
    [{ op: ">" }, ["1", "2"], "(hostname>1 OR hostname>2) x"],
  ]) assert.equal(filled([{ ...HOST, ...about }, " x"], new Map(values ? [["host", values]] : [])), query);
});

test("an address chooses values of variables, each once, and no more than fifty", () => {
  const many = Array.from({ length: 60 }, (_, index) => `&var.n=${index}`).join("");
  const chosen = chosenIn(`?name=shop&var.host=a&var.host=b&var.host=a&var.9=x&var.long=${"x".repeat(1001)}${many}`);
  assert.deepEqual([...chosen.keys()], ["host", "n"]);
  assert.deepEqual(chosen.get("host"), ["a", "b"]);
  assert.equal(chosen.get("n").length, 50);
  assert.deepEqual(["", " ", "a\nb"].map(shownValue), ['""', '" "', "a\\x0ab"]);
});
