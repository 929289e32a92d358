"""Conditions on the columns of figures: which column each means, and what is wrong with others."""

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.query.hints import foreign_syntax_hints
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import And, Compare, HasField, Not, Or
from logsrv.linelog.stages.sort import Sorting
from logsrv.linelog.stages.where import RowFilter

MANY, LATE = Compare("count", ">", "5"), Compare("max_time", "<", "now - 10m")


@pytest.mark.parametrize(
    ("stages", "wanted"),
    [
        ("count | where count>5", RowFilter(MANY)),
        ("count | where count > 5", RowFilter(MANY)),
        (
            "count by app | where count>5 app=shop",
            RowFilter(And((MANY, Compare("app", "=", "shop")))),
        ),
        ("count by app | where app=* OR NOT count>5", RowFilter(Or((HasField("app"), Not(MANY))))),
        ("count by app | where -(count>5)", RowFilter(Not(MANY))),
        ("count by app | where app ~ /^s h/", RowFilter(Compare("app", "~", "^s h"))),
        ("count by lvl | where count>5", RowFilter(MANY)),
        ("max time by app | where time < now - 10m", RowFilter(LATE)),
        ("max time | where (max_time<now - 10m)", RowFilter(LATE)),
        ("max time | where time<now", RowFilter(Compare("max_time", "<", "now"))),
        ('max time | where time = "06:00"', RowFilter(Compare("max_time", "=", "06:00"))),
        # The step of time is a column of its own.
        ("max time every 5m | where time<2h", RowFilter(Compare("time", "<", "2h"))),
        ("avg ms | where ms>1s", RowFilter(Compare("avg_ms", ">", "1s"))),
        ("avg ms, avg ms | where avg_ms_2>1s", RowFilter(Compare("avg_ms_2", ">", "1s"))),
        ("avg ms by app | sort ms asc", Sorting("avg_ms", ascending=True)),
        ("avg ms by app | sort by app", Sorting("app")),
        (
            "count_distinct level | where count_distinct_level>2",
            RowFilter(Compare("count_distinct_level", ">", "2")),
        ),
        ("avg ms compare 1d | where ms>1s", RowFilter(Compare("avg_ms", ">", "1s"))),
        ("count compare 1d | sort count_change", Sorting("count_change")),
        (
            "max time compare 1d | where max_time_before<now",
            RowFilter(Compare("max_time_before", "<", "now")),
        ),
    ],
)
def test_stages_behind_figures_are_of_their_columns(stages, wanted):
    assert parse_question(f"a | {stages}").row_stages == (wanted,)
    assert parse_question(f"a | {stages} | limit 3").limit == 3
    assert not foreign_syntax_hints(f"a | {stages}")


@pytest.mark.parametrize(
    ("written", "number"), [("5%", "0.05"), ("0.5%", "0.005"), ("100%", "1"), ("0.05", "0.05")]
)
def test_a_share_is_compared_with_per_cents_or_with_a_number(written, number):
    figures = "count, count if (b) as bad | let share = bad / count"
    *_, found = parse_question(f"a | {figures} | where share>{written}").row_stages
    assert found == RowFilter(Compare("share", ">", number))


@pytest.mark.parametrize(
    ("stages", "at", "sentence"),
    [
        ("count | where", 16, "where needs a column"),
        ("count | where count", 17, "where compares columns: where count > 5"),
        ("count | where /x/", 17, "where compares columns"),
        ("count | where app=b", 17, "app is no column of these figures; these are: count"),
        ("count by app | where ap=b", 24, "did you mean app?"),
        ("avg ms, max ms | where ms>1", 26, "ms may be each of avg_ms or max_ms"),
        ("count | where count>many", 23, "count is a number, and many is not"),
        ("count | where count>5%", 23, "count is a number, and 5% is not"),
        ("count | where count> ", 24, "> needs a value after it"),
        ("count | where count: ", 24, ": needs a value after it"),
        ("max time | where time ~ /x/", 27, "max_time is a time: compare it by"),
        ("max time | where time < never", 27, "never is not a time"),
        ("max time | where time < now - 5x", 31, "where compares columns"),
        ("count by level | where level>banana", 32, "banana is not a level"),
        ("last level | where last_level>banana", 33, "banana is not a level"),
        ("count by app | sort ms", 23, "ms is no column of these figures"),
        ("count by app | sort by asc ms", 30, "ms is no column of these figures"),
        ('count | extract "<x> b"', 11, "only let, sort, where and, at the end, limit"),
        ("count | limit 3 | where count>1", 21, "only limit may follow"),
        ("patterns | where count>1", 14, "only limit may follow"),
    ],
)
def test_what_is_wrong_with_a_stage_of_rows_and_where(stages, at, sentence):
    with pytest.raises(QueryError) as error:
        parse_question(f"| {stages}")
    assert sentence in error.value.sentence
    assert error.value.at == at


@pytest.mark.parametrize("figures", ["p95 took_ms as slow", "max took_ms if (a) as slow"])
def test_a_column_with_a_name_of_its_own_has_the_unit_of_its_field(figures):
    asked = parse_question(f"| {figures} by app | where slow > 1s")
    assert asked.answer is not None
    [one] = asked.row_stages
    rows = [("a", 999.5), ("b", 1000.5), ("c", None)]
    assert one.apply(rows, asked.answer.columns, utc=True) == [("b", 1000.5)]
