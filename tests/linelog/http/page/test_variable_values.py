"""A property of boards: a value that is put into a query is that value, and never becomes syntax."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from logsrv.linelog.http.assets import static_folder
from logsrv.linelog.http.board_variables import template_of
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import EVERYTHING, And, Compare, HasField, Not, Or, all_of
from logsrv.value import Value
from tests.linelog.http.page.looks import BIDI, CORPUS

pytestmark = pytest.mark.long
QUERIES = (
    "a=$x",
    "NOT a=$x b",
    "-a!=$x AND b:$y AND c",
    "(a=$x OR b:$y) -c",
    "NOT (a=$x OR NOT (b=$y c))",
    "a in ($x) OR ms>$y",
    "`Request Path`=$x `a``b`!=$y",
    'q | extract "u=<user> " | where NOT a=$x ms<=$y | count if (a=$x OR -b=$y) as n, avg ms by app',
    "a=$x a=$x a=$y | patterns by b",
    'a=$x"text"b:$y(c)',
    "a=$x AND b=$y AND a=$y",
    "a=$x b=$y AND c",
    "(a=$x) (b=$y OR c) | sort ms",
    "(a=$x b=$y)",
    "NOT (a=$x AND NOT b=$y) AND a=$x",
)
VALUES = (
    *(
        "web1",
        "",
        " ",
        "a b",
        '"',
        "\\",
        '\\"',
        "a\\",
        '"a"',
        "(",
        ")",
        "()",
        ",",
        "a,b",
        "|",
        " | ",
    ),
    *(
        "| count",
        "a | count by b",
        "AND",
        "OR",
        "NOT",
        "x OR y",
        "-x",
        "- x",
        "*",
        "=",
        "=x",
        "!=x",
    ),
    *(
        "/re/",
        "/",
        "$x",
        "$y",
        "in (a)",
        ") OR (",
        '" OR a="',
        "`",
        "a`b",
        "a=b",
        ">=5",
        "5xx",
        "500",
    ),
    *(
        "a\nb",
        "\t",
        "\r\n",
        "\x00",
        "\u2028",
        "é",
        "\U0001f600",
        "level>=error",
        "1.5 ms",
        "::1",
        "..",
    ),
    *(one for one in (*CORPUS, BIDI) if one.isprintable() or "\ud800" not in one),
)
PIECES = '"\\()|,*=<>!~:-/$` \n\tabAND OR NOT in by | count'


def values(random: Random) -> list[str]:
    """Values that are chosen; none: all."""
    one = [
        random.choice(VALUES)
        if random.random() < 0.7
        else "".join(random.choice(PIECES) for _ in range(random.randrange(1, 12)))
        for _ in range(random.choice((0, 1, 1, 2, 3)))
    ]
    return list(dict.fromkeys(one))


def replaced(tree: Any, chosen: dict[str, list[str]], negated: bool = False) -> Any:
    """Return the tree of a query with values for its variables."""
    if isinstance(tree, Compare) and tree.value in ("$x", "$y"):
        each = [tree.replace(value=one) for one in chosen[tree.value[1:]]]
        if not each:
            return Not(EVERYTHING) if negated else EVERYTHING
        return all_of(each) if tree.op == "!=" or len(each) == 1 else Or(tuple(each))
    if isinstance(tree, Not):
        return Not(replaced(tree.part, chosen, not negated))
    return rebuilt(tree, lambda part: replaced(part, chosen, negated))


def rebuilt(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, Value):
        return tree.replace(**{name: change(getattr(tree, name)) for name in tree._fields})
    if isinstance(tree, tuple):
        parts = [change(part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    return tree


def simple(tree: Any) -> Any:
    """Return a tree without conditions that are true or false for each line."""
    tree = rebuilt(tree, simple)
    nothing = Not(EVERYTHING)
    if tree == HasField("message"):
        return EVERYTHING
    if isinstance(tree, Not) and tree.part == nothing:
        return EVERYTHING
    if isinstance(tree, And):
        parts = [
            part
            for one in tree.parts
            for part in (one.parts if isinstance(one, And) else (one,))
            if part != EVERYTHING
        ]
        return nothing if nothing in parts else all_of(parts)
    if isinstance(tree, Or):
        if EVERYTHING in tree.parts:
            return EVERYTHING
        flat = [
            part
            for one in tree.parts
            for part in (one.parts if isinstance(one, Or) else (one,))
            if part != nothing
        ]
        return nothing if not flat else flat[0] if len(flat) == 1 else Or(tuple(flat))
    return tree


def test_a_value_in_a_query_is_that_value_whatever_is_in_it(visit):
    random = Random(72)
    page = visit("board?name=x", ready="document.readyState === 'complete'")
    cases = [
        (query, {"x": values(random), "y": values(random)}) for query in QUERIES for _ in range(150)
    ]
    cases += [(query, {"x": [value], "y": [value]}) for query in QUERIES for value in VALUES]
    given = [[template_of(query), list(chosen.items())] for query, chosen in cases]
    filled = page.run(
        f"""import('{static_folder()}/board.js').then(({{ modules }}) => {json.dumps(given)}.map(
            ([template, chosen]) => modules['variable_values.js'].filled(template, new Map(chosen))))"""
    )
    for (query, chosen), text in zip(cases, filled, strict=True):
        wanted = simple(replaced(parse_question(query), chosen))
        assert simple(parse_question(text)) == wanted, (query, chosen, text)
