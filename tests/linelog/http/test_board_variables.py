"""Variables in the queries of boards: where they are found, and what stands for all values."""

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.http.board_variables import (
    MOST_COMPARISONS,
    Template,
    template_of,
    variables_hint,
    variables_in,
)
from logsrv.linelog.query.pipeline import parse_question


def comparisons(query: str) -> list[dict[str, str]]:
    return [part for part in template_of(query) if isinstance(part, dict)]


def with_all(template: Template) -> str:
    return "".join(part if isinstance(part, str) else part["all"] for part in template)


def test_a_query_is_parted_at_its_comparisons_with_variables():
    assert template_of("hostname=$host level>=error | count by app") == [
        "",
        {
            "variable": "host",
            "field": "hostname",
            "written": "hostname",
            "op": "=",
            "before": "",
            "all": "",
        },
        " level>=error | count by app",
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a=$x b!=$y c:$z", [("a", "=", "x"), ("b", "!=", "y"), ("c", ":", "z")]),
        ("ms>$a ms<=$b", [("ms", ">", "a"), ("ms", "<=", "b")]),
        ("level>=$worst", [("level", ">=", "worst")]),
        ("`Request Path`=$path", [("Request Path", "=", "path")]),
        ("host in ($h) OR host in( $h )", [("host", "=", "h"), ("host", "=", "h")]),
        ("-(a=$x)", [("a", "=", "x")]),
        ('"é\U0001f600" a=$x', [("a", "=", "x")]),
        ("x | where a=$x | count", [("a", "=", "x")]),
        ("| count if (a=$x b=$y) as n, avg ms by app", [("a", "=", "x"), ("b", "=", "y")]),
        ('| extract "u=<user>" | where user=$u', [("user", "=", "u")]),
    ],
)
def test_a_comparison_with_a_variable_is_found_wherever_lines_are_compared(query, found):
    assert [(one["field"], one["op"], one["variable"]) for one in comparisons(query)] == found
    assert variables_in(query) == list(dict.fromkeys(one[2] for one in found))


@pytest.mark.parametrize(
    "query",
    [
        "$x",
        'a="$x"',
        '"a=$x"',
        "/a=$x/",
        "a~$x",
        "a=$x.y",
        "a=$1",
        "a=x$y",
        "a=$",
        "a in ($x, b)",
        "| count by app | where app=$x",
        "http://a=$x",
        "",
    ],
)
def test_anything_else_with_a_dollar_is_text(query):
    parse_question(query)
    assert template_of(query) == [] and variables_in(query) == [] and not variables_hint(query)


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("a=$x", ""),
        ("b a=$x c", "b  c"),
        ("-a=$x b", " b"),
        ("b AND NOT a=$x AND c", "b  AND c"),
        ("a=$x AND b", "message=* AND b"),
        ("a=$x OR b", "message=* OR b"),
        ("NOT (a=$x OR b)", "NOT ((NOT message=*) OR b)"),
        ("(a=$x b)", "(message=* b)"),
        ("x | where -a=$x", "x | where -(NOT message=*)"),
        (
            "| count if (a=$x), count if (NOT a=$x)",
            "| count if (message=*), count if (NOT (NOT message=*))",
        ),
        ("a=$x b=$y AND c=$z", " message=* "),
        ('"a"a=$x"b"', '"a""b"'),
    ],
)
def test_all_values_leave_nothing_out(query, left):
    assert with_all(template_of(query)) == left
    parse_question(left)


def test_a_wrong_query_is_an_error_as_without_variables():
    with pytest.raises(QueryError) as error:
        template_of("a=$x status>=")
    assert error.value.at == 14
    assert variables_in("a=$x status>=") == []


def test_there_are_only_so_many_comparisons():
    template_of("a=$x " * MOST_COMPARISONS)
    with pytest.raises(QueryError, match="50 times; this is one more"):
        template_of("a=$x " * (MOST_COMPARISONS + 1))


def test_who_asks_such_a_query_outside_a_board_is_told():
    assert variables_hint("a=$x") == (
        "$x is a variable: a board with this search offers its values; here it is a text"
    )
    assert variables_hint("a=$x b=$y").startswith("$x, $y are variables")


def test_an_ordinary_query_has_no_variables():
    """Where no board asks, the parser takes them for values, or refuses them."""
    for query in ("a=$x", "x | where a=$x"):
        assert "'$x'" in repr(parse_question(query))
    with pytest.raises(QueryError, match=r"\$x is not a level"):
        parse_question("level>=$x")
