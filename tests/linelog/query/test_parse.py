"""Every row of the language: what is an atom, an operator, a word, an error."""

import contextlib
from contextlib import suppress

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import QueryError
from logsrv.linelog.query.caret import error_with_caret
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import DEEPEST, parse
from logsrv.linelog.query.question import (
    EVERYTHING,
    And,
    Compare,
    HasField,
    Node,
    Not,
    Or,
    Regex,
    Term,
)
from tests.parts.costs import calls
from tests.parts.stores import line

A, B, C = Term("a"), Term("b"), Term("c")


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("", EVERYTHING),
        (" \t ", EVERYTHING),
        ("timeout", Term("timeout")),
        ('"connection reset"', Term("connection reset")),
        (r'"a \"b\" \\ \d"', Term(r'a "b" \ \d')),
        ('""', Term("")),
        (r"/user=\d+/", Regex(r"user=\d+")),
        (r"/a\/b (c|d) \"e/", Regex(r"a\/b (c|d) \"e")),
        ("//", Regex("")),
        ("level=error", Compare("level", "=", "error")),
        ("app!=sshd", Compare("app", "!=", "sshd")),
        *((f"status{op}500", Compare("status", op, "500")) for op in ("<", "<=", ">", ">=", ":")),
        (r"path~/^\/api/", Compare("path", "~", r"^\/api")),
        ("path~/api/v1", Compare("path", "~", "/api/v1")),
        ("path~^x", Compare("path", "~", "^x")),
        ('path~"a b"', Compare("path", "~", "a b")),
        ("user=*", HasField("user")),
        ('user="*"', Compare("user", "=", "*")),
        ("user!=*", Compare("user", "!=", "*")),
        ('user=""', Compare("user", "=", "")),
        ("a=b=c", Compare("a", "=", "b=c")),
        ("A.b@c-1:x", Compare("A.b@c-1", ":", "x")),
        ("level>=warn", Compare("level", ">=", "warn")),
        ('level<"FATAL"', Compare("level", "<", "FATAL")),
        ("fields.level>=banana", Compare("fields.level", ">=", "banana")),
        *(
            (word, Term(word))
            for word in (
                "10.0.0.1:8080",
                "12:30:45",
                "http://x",
                "/var/log",
                "/",
                "/a/b/",
                "-",
                "--x",
                "error:",
                "a!b",
                "and",
                "Or",
                "<13>",
                "=x",
                "5=x",
                "/x",
                "漢字",
                "größe:",
                "a/b:",
                "a/http://x",
                "http://x/y?a=b",
                "and/or",
                "application/json",
                "text/html;charset=utf-8",
                "/var/log=x",
                "--a/b=c",
                "a\u2013b=c",
                "\u0663=c",
                "`users`",
                "`db`.`users`",
                "`db`.`users`=x",
                "`error`:",
                "it`s",
                "5`a`=x",
            )
        ),
        ("a/b=c", Compare("a/b", "=", "c")),
        ("-x/y:z", Not(Compare("x/y", ":", "z"))),
        ("path/to:file", Compare("path/to", ":", "file")),
        ("größe>5", Compare("größe", ">", "5")),
        ("`Request Path`=x", Compare("Request Path", "=", "x")),
        ("`a``b`=x", Compare("a`b", "=", "x")),
        ("-`a b`~/c d/", Not(Compare("a b", "~", "c d"))),
        ("(`a) (b`=*)", HasField("a) (b")),
        ("`level`>=warn", Compare("level", ">=", "warn")),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a OR b", Or((A, B))),
        ("a OR b c", Or((A, And((B, C))))),
        ("a b OR c", Or((And((A, B)), C))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("((a))", A),
        ("NOT a", Not(A)),
        ("-a", Not(A)),
        ("a -b", And((A, Not(B)))),
        ("NOT NOT a", A),
        ("NOT -a", A),
        ("NOT(a b)", Not(And((A, B)))),
        ("-(a OR b)", Not(Or((A, B)))),
        ('-"a b"', Not(Term("a b"))),
        ("-/a/", Not(Regex("a"))),
        ("-level=error", Not(Compare("level", "=", "error"))),
        ("- a", And((Term("-"), A))),
        ("(-)", Term("-")),
        ("-NOT", Not(Term("NOT"))),
        ('"OR"', Term("OR")),
        ("OR=1", Compare("OR", "=", "1")),
        ('a"b"c', And((A, B, C))),
        ("x=a(b)", And((Compare("x", "=", "a"), B))),
        ("error:(a)", And((Term("error:"), A))),
        ('a:"//b"', Compare("a", ":", "//b")),
        ("/var log/", Regex("var log")),
        ("(/a/)", Regex("a")),
    ],
)
def test_each_query_has_its_tree(query, tree):
    assert parse(query) == tree


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ("status>=", 9),
        ("a status= b", 10),
        ("user=(a)", 6),
        ("path~", 6),
        ("level>=banana", 8),
        ("level<3", 7),
        ("(a", 1),
        ("a (b (c)", 3),
        ("a)", 2),
        ("()", 1),
        ('a "b', 3),
        ('x="b', 3),
        ("OR a", 1),
        ("a OR", 3),
        ("a OR OR b", 6),
        ("a AND", 3),
        ("AND", 1),
        ("NOT", 1),
        ("a NOT OR b", 7),
        ("(a OR) b", 4),
        ("/(/", 2),
        ("漢字 /a**/", 6),
        ("path~/[z-a]/", 8),
        ("path~*", 6),
        ("/(?=a)/", 2),
        (r"/\1/", 2),
        (r"/\Ca/", 2),
        ("/(a{2}){999}/", 8),
        ("/(a{1,1000}){1,1000}/", 2),
        ("/" + "(x{500}|y){2}" * 40 + "/", 2),
        ("/a+(?i)*/", 8),
        (r"a /b/ /\pL{400}X/", 8),
        ("/.{1000}/ " * 3, 22),
        ("/a/ " * 31, 122),
        ("/" + "a" * 1999 + "/ /bc/", 2004),
        ("(" * 500 + "a" + ")" * 500, DEEPEST + 1),
        ("a " * 501, 1001),
        ("a OR " * 500 + "b", 2501),
        ("NOT " * 501 + "a", 2001),
    ],
)
def test_a_wrong_query_has_an_error_with_its_index(query, at):
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert caught.value.at == at
    sentence = str(caught.value)
    assert sentence == caught.value.sentence and "\n" not in sentence and len(sentence) < 300


def test_what_people_ask_for_is_not_too_much():
    words = " OR ".join(f"id={number}" for number in range(500))
    assert isinstance(parse(words), Or)
    assert isinstance(parse(" OR ".join(rf"/user={one}\d+ .* failed/" for one in range(30))), Or)
    addresses = "|".join(rf"10\.0\.{one}\.1" for one in range(130))
    assert parse(f"/({addresses})/") == Regex(f"({addresses})")


@pytest.mark.parametrize(
    "query", [r"/\pL{400}XX/", " ".join(["/.{1000}XX/"] * 332), "/a/ " * 31, "path~.{5}", "/a(/"]
)
def test_nothing_is_compiled_to_know_whether_it_is_right(query, monkeypatch):
    """A server asks that in its reactor; RE2 may take half a second to compile ten characters."""
    asked: list[int] = []

    def compile_(pattern: bytes, options: re2.Options) -> None:
        asked.append(options.max_mem)
        raise re2.error(b"pattern too large - compile failed")

    monkeypatch.setattr(re2, "compile", compile_)
    with suppress(QueryError):
        parse(query)
    assert len(asked) <= 30 and all(memory < 100 for memory in asked)


@pytest.mark.parametrize(
    "query",
    [
        "(" * 5000,
        "NOT " * 2500 + "a",
        "a OR " * 2000 + "b",
        "a -b " * 2000,
        "/a " * 3000,
        "/a\\" * 3000,
        '"\\' * 5000,
        "/" + "(" * 900 + ")" * 900 + "/",
        "/" + "(a|" * 900 + ")" * 900 + "/",
        "/" + "[a-f]?" * 1600 + "/",
        "x=1 OR " * 1400 + "y=2",
        "(a (b OR " * DEEPEST + "c" + "))" * DEEPEST,
        "(a (b OR " * (DEEPEST // 2) + "c" + "))" * (DEEPEST // 2),
        "(-(b OR " * (DEEPEST // 2) + "c" + "))" * (DEEPEST // 2),
    ],
)
def test_long_and_deep_queries_take_few_calls_for_each_letter(query):
    def ask() -> None:
        with contextlib.suppress(QueryError):
            list(make_matcher(parse(query)).find(b"a line\nanother one with x=1 y=2\n"))

    assert calls(ask) < 300 * len(query)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("program=sshd", b"<38>Nov 20 06:18:42 gate sshd[77]: x"),
        ("programname=sshd", b'{"app":"sshd"}'),
        ("appname:ssh", b"<38>1 - gate sshd 77 - - x"),
        ("program~/^ssh/", b"Nov 20 06:18:42 gate sshd[77]: x"),
        ("program=*", b"Nov 20 06:18:42 gate sshd[77]: x"),
        ("program=sshd", b"program=sshd a=b"),
        ("procid=77", b"<38>1 - gate sshd 77 - - x"),
        ("severity>=warning", b"<3>1 - gate sshd 77 - - x"),
        ("loglevel<error", b"WARN x"),
    ],
)
def test_names_that_other_tools_have_for_a_field(query, message):
    assert make_matcher(parse(query)).matches(line(message).rstrip(b"\n"))


def test_another_name_of_a_field_finds_no_other_line():
    matcher = make_matcher(parse("program=sshd OR severity>=warning"))
    assert not matcher.matches(line("<38>Nov 20 06:18:42 gate cron: x").rstrip(b"\n"))


@pytest.mark.parametrize(
    ("query", "at", "shown"),
    [
        ("a )", 3, "no\n  a )\n    ^"),
        ("漢字 )", 4, "no\n  漢字 )\n       ^"),
        ("e\u0301 )", 4, "no\n  e\u0301 )\n    ^"),
        ("\t)", 2, "no\n  \\x09)\n      ^"),
        ("\x1b[2J\n)", 6, "no\n  \\x1b[2J\\x0a)\n             ^"),
        ("a OR", 5, "no\n  a OR\n      ^"),
        ("", 1, "no\n  \n  ^"),
    ],
)
def test_the_caret_is_under_the_error(query, at, shown):
    assert error_with_caret(query, QueryError("no", at)) == shown


@given(st.text("a\t\x1b漢\u202e\u0301", max_size=300), st.integers(1, 400))
def test_three_short_lines_that_drive_no_terminal(query, at):
    lines = error_with_caret(query, QueryError("no", at)).split("\n")
    assert len(lines) == 3 and all(len(line) < 500 for line in lines)
    assert not set(lines[1]) & {"\x1b", "\u202e", "\t"} and lines[2].strip() == "^"


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("status in (500, 502)", "status=500 OR status=502"),
        ("status in(500)", "status=500"),
        ('`a b` in ( "x, y" , "(" ,z )', '`a b`="x, y" OR `a b`="(" OR `a b`=z'),
        ("-level in (warn, error) x", "-(level=warn OR level=error) x"),
        ("NOT (program in (a, b) y)", "NOT ((program=a OR program=b) y)"),
        ('x in ("*", "say \\"hi\\"")', 'x="*" OR x="say \\"hi\\""'),
        ("/(?P<n>[0-9])/ n in (1, 2)", "/(?P<n>[0-9])/ (n=1 OR n=2)"),
        # Words, as there is no bracket, no name, or a phrase.
        ("logged in as", '"logged" "in" "as"'),
        ('"logged" in (x)', '"logged" "in" "x"'),
        ('user "in" (x)', '"user" "in" "x"'),
    ],
)
def test_a_field_may_equal_one_of_a_list(query, meant):
    assert _without_nesting(parse(query)) == _without_nesting(parse(meant))


def _without_nesting(node: Node) -> Node:
    """Alternatives side by side, whoever put brackets round them."""
    if isinstance(node, Or):
        parts = [_without_nesting(part) for part in node.parts]
        return Or(tuple(x for one in parts for x in (one.parts if isinstance(one, Or) else (one,))))
    if isinstance(node, And):
        return And(tuple(map(_without_nesting, node.parts)))
    return Not(_without_nesting(node.part)) if isinstance(node, Not) else node


@pytest.mark.parametrize(
    ("query", "at", "sentence"),
    [
        ("x in (", 6, "this ( is never closed"),
        ("x in (a", 6, "this ( is never closed"),
        ("x in (a,", 6, "this ( is never closed"),
        ("x in ()", 7, "a value is missing here"),
        ("x in (a,)", 9, "a value is missing here"),
        ("x in (,a)", 7, "a value is missing here"),
        ("x in (a b)", 9, "a comma is missing here"),
        ('x in (a, "b)', 10, "this quotation mark is never closed"),
        ("x in (" + "a," * 500 + "a)", 1007, "500 values"),
    ],
)
def test_what_is_wrong_with_a_list(query, at, sentence):
    with pytest.raises(QueryError) as error:
        parse(query)
    assert sentence in error.value.sentence and error.value.at == at
