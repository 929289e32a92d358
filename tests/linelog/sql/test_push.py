"""Conditions as queries; that they change no answer is tested in test_answer.py."""

import json
from typing import Any

import duckdb
import pytest

from logsrv.linelog.query.question import EVERYTHING, And, Compare, Or, Term
from logsrv.linelog.sql.columns import ColumnType
from logsrv.linelog.sql.plan import ReadingPlan, plan_everything, plan_from_duckdb
from logsrv.linelog.sql.push import WantedRows, rows_in_all, rows_in_any, rows_of_filter

A, B = Compare("a", "=", "x"), Compare("b", "=", "y")


def test_both_sides_of_an_and_narrow_down():
    assert rows_in_all([WantedRows(A, 5, 9), WantedRows(B, 7, None)]) == WantedRows(
        And((A, B)), 7, 9
    )
    assert rows_in_all([]) == WantedRows()


def test_an_or_includes_the_rows_of_both_sides():
    assert rows_in_any([WantedRows(A, 5, 9), WantedRows(B, 7, 20)]) == WantedRows(Or((A, B)), 5, 20)
    assert rows_in_any([WantedRows(A, 5, 9), WantedRows()]) == WantedRows()


def test_alternatives_one_in_the_other_are_side_by_side():
    c = Compare("a", "=", "z")
    assert rows_in_any([rows_in_any([WantedRows(A), WantedRows(B)]), WantedRows(c)]).node == Or(
        (A, B, c)
    )


def test_of_many_alternatives_one_cheap_condition_each_is_looked_for():
    """Hundreds of others take longer than parsing all lines."""
    greater = [Compare("n", ">", str(number)) for number in range(100)]
    equal = [Compare("a", "=", str(number)) for number in range(100)]
    both = [WantedRows(And(pair)) for pair in zip(greater, equal, strict=True)]
    assert rows_in_any(both[:5]).node == Or(tuple(one.node for one in both[:5]))
    assert rows_in_any(both).node == Or(tuple(equal))
    assert rows_in_any([*both, WantedRows(And((greater[0], Or((A, B)))))]).node == Or(
        (*equal, A, B)
    )
    assert rows_in_any(list(map(WantedRows, greater))).node == EVERYTHING


def test_times_are_written_as_the_store_has_them():
    assert WantedRows(since=1795154400000001).times == ("2026-11-20T06:00:00.000001Z", "")


def contains(text: str, function: str = "contains") -> dict[str, Any]:
    children = [
        {"type": "BOUND_REF", "index": 0},
        {"type": "VALUE_CONSTANT", "value": {"value": text}},
    ]
    expression = {"type": "BOUND_FUNCTION", "qname": {"path": [function]}, "children": children}
    return {"filter_type": "EXPRESSION_FILTER", "expr": expression}


@pytest.mark.parametrize(
    ("text", "function", "node"),
    [
        ("timeout", "contains", Term("timeout")),
        # Behind a byte that is not UTF-8 and is shown as \xab, the line has no `ab`.
        ("abnormal", "contains", Term("normal")),
        ("x", "contains", EVERYTHING),
        ("\\", "contains", EVERYTHING),
        ("%Wombat%", "~~*", Term("wombat")),
        ("%oil%", "~~*", Or((Term("oil"), Term("o\u0130l")))),
        ("%likings%", "~~*", Term("ngs")),
        ("%odd", "unknown", EVERYTHING),
    ],
)
def test_texts_of_a_message_narrow_down(text, function, node):
    assert rows_of_filter(contains(text, function), "message", {}).node == node


def test_forms_of_a_later_duckdb_narrow_nothing_down():
    assert rows_of_filter({"filter_type": "NEW"}, "message", {}) == WantedRows()


def test_no_other_characters_become_ascii_in_small_letters():
    found = duckdb.execute(
        "select chr(i::int), lower(chr(i::int)) from range(128, 1114111) t(i) "
        "where not i between 55296 and 57343 and ascii(lower(chr(i::int))) < 128"
    ).fetchall()
    assert sorted(found) == [("\u0130", "i"), ("\u212a", "k")]


KINDS = {"status": ColumnType.INTEGER}


def scan(*names: str) -> str:
    return json.dumps(
        [{"name": "PYTHON_ARROW_SCAN", "children": [], "extra_info": {"Projections": list(names)}}]
    )


def test_what_is_not_understood_is_read_in_full():
    for explained in ("", "[]x", '[{"name": 5}]', scan("unheard-of")):
        assert plan_from_duckdb([], explained, KINDS) == plan_everything(KINDS)


def test_without_a_plan_the_columns_are_known_still():
    for plans in (None, [], [{"type": "X"}], [{"children": 3}]):
        found = plan_from_duckdb(plans, scan("time", "STATUS"), KINDS)
        assert found == ReadingPlan(frozenset(("time", "status")), WantedRows())
