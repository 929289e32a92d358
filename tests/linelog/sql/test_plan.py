"""Conditions as queries; that they change no answer is tested in test_answer.py."""

import json
from contextlib import closing

import duckdb
import pytest

from logsrv.linelog.query.question import EVERYTHING, And, Compare, HasField, Or, Term
from logsrv.linelog.read.view import View
from logsrv.linelog.sql.answer import SqlAnswer
from logsrv.linelog.sql.columns import ColumnType
from logsrv.linelog.sql.plan import (
    EMPTY_SCAN,
    ReadingPlan,
    WantedRows,
    plan_everything,
    plan_from_duckdb,
    rows_in_all,
    rows_in_any,
    rows_of_condition,
)
from logsrv.linelog.sql.rows import StoreReading
from tests.parts.stores import lines, make_store, view_of

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


def test_many_alternatives_are_looked_for_only_if_each_is_a_value_or_a_text():
    """A dozen others take longer than parsing all lines."""
    greater = [WantedRows(Compare("n", ">", str(number))) for number in range(7)]
    equal = [WantedRows(Compare("a", "=", str(number))) for number in range(100)]
    assert rows_in_any(greater[:6]).node == Or(tuple(one.node for one in greater[:6]))
    assert rows_in_any(greater).node == EVERYTHING
    some = [*equal, WantedRows(Term("x")), *greater[:6]]
    assert rows_in_any(some).node == Or(tuple(one.node for one in some))


def test_times_are_written_as_the_store_has_them():
    assert WantedRows(since=1795154400000001).times == ("2026-11-20T06:00:00.000001Z", "")


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    messages = ["n=5 ms=1.5 a=x", "n=6 ms=2 a=y"]
    return view_of(make_store(tmp_path_factory.mktemp("push") / "logs", [lines(messages)]))


@pytest.mark.parametrize(
    ("condition", "node"),
    [
        ("contains(message, 'timeout')", Term("timeout")),
        # Behind a byte that is not UTF-8 and is shown as \xab, the line has no `ab`.
        ("contains(message, 'abnormal')", Term("normal")),
        ("contains(message, 'x')", EVERYTHING),
        (r"contains(message, '\')", EVERYTHING),
        ("message like 'one%_two'", And((Term("one"), Term("two")))),
        ("message ilike '%Wombat%'", Term("wombat")),
        ("contains(lower(message), 'oil')", Or((Term("oil"), Term("o\u0130l")))),
        ("message ilike '%likings%'", Term("ngs")),
        ("reverse(message) = 'x'", EVERYTHING),
        ("n > 5 and n < 7", And((Compare("n", ">=", "5"), Compare("n", "<=", "7")))),
        ("5 <= n", Compare("n", ">=", "5")),
        ("5 <= n or a = 'x'", Or((Compare("n", ">=", "5"), A))),
        ("not n < 5", Compare("n", ">=", "5")),
        ("n in (5, 6, 7)", Or(tuple(Compare("n", "=", str(one)) for one in (5, 6, 7)))),
        (f"n in {tuple(range(51))}", EVERYTHING),
        ("ms = 1.5", And((Compare("ms", ">=", "1.5"), Compare("ms", "<=", "1.5")))),
        ("a is not null", HasField("a")),
        ("a = 'x' or source = 'y'", Or((A, Compare("source", "=", "y")))),
        ("a = 'x' or n % 2 = 1", EVERYTHING),
        ("level >= 'alert'", Compare("level", ">=", "alert")),
    ],
)
def test_conditions_of_a_statement_narrow_down(view, condition, node):
    assert wanted_rows(view, condition) == WantedRows(node)


def test_times_of_a_statement_are_limits(view):
    begin = 1_795_154_400_000_000
    condition = "time between '2026-11-20 06:00:00' and '2026-11-20 06:00:01' and a = 'x'"
    assert wanted_rows(view, condition) == WantedRows(A, begin, begin + 1_000_001)


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("select count(*) from logs", set()),
        ("select count(time) from logs", {"time"}),
        ("select A from logs where level = 'error'", {"a", "level"}),
        ("select p.n from logs p join logs q using (a)", {"n", "a"}),
    ],
)
def test_only_the_columns_of_a_statement_are_read(view, statement, columns):
    assert {name.lower() for name in plan_of(view, statement).columns} == columns


def wanted_rows(view: View, condition: str) -> WantedRows:
    return plan_of(view, f"select time from (select * from logs) where {condition}").wanted


def plan_of(view: View, statement: str) -> ReadingPlan:
    with closing(SqlAnswer(statement, StoreReading(view, processes=1), utc=True)) as answer:
        for _ in answer.batches():
            pass
        assert answer.rows is not None
        return answer.rows.plan


def test_forms_of_a_later_duckdb_narrow_nothing_down():
    assert rows_of_condition({"type": "NEW"}, ["message"], {}) == WantedRows()


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


def test_with_more_scans_than_the_plan_has_all_rows_are_read():
    condition = {"type": "OPERATOR_IS_NOT_NULL", "children": [{"type": "BOUND_REF", "index": 0}]}
    table = {
        "type": "LOGICAL_GET",
        "qname": {"path": [EMPTY_SCAN]},
        "names": ["status"],
        "children": [],
    }
    plans = [{"type": "LOGICAL_FILTER", "expressions": [condition], "children": [table]}]
    known = plan_from_duckdb(plans, scan("status"), KINDS)
    assert known.wanted == WantedRows(HasField("status"))
    twice = json.dumps(json.loads(scan("status")) * 2)
    assert plan_from_duckdb(plans, twice, KINDS).wanted == WantedRows()
