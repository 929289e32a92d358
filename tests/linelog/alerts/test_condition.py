"""The condition behind an alert's query: what each means, and what is wrong with others."""

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.alerts.condition import Condition, parse_alert
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING
from logsrv.linelog.read.figures.grouping import Figure

COUNT = Figure("count")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("a", None),
        ("a | where b", None),
        ("a | count > 100 in 5m", Condition(COUNT, ">", 100, 300)),
        ("a | count>=1.5 in 1h by app , host", Condition(COUNT, ">=", 1.5, 3600, ("app", "host"))),
        ("a | count > 100 by app in 5m", Condition(COUNT, ">", 100, 300, ("app",))),
        ("a | count by app > 100 in 5m", Condition(COUNT, ">", 100, 300, ("app",))),
        ("a | count by app in 5m > 100", Condition(COUNT, ">", 100, 300, ("app",))),
        ("a | count in 5m by app, host>=2", Condition(COUNT, ">=", 2, 300, ("app", "host"))),
        ("a | count in 5m > 100 by in", Condition(COUNT, ">", 100, 300, ("in",))),
        ("a | max ms by app in 1m < 7", Condition(Figure("max", "ms"), "<", 7, 60, ("app",))),
        ("a | none by hostname in 10m", Condition(COUNT, "<", 1, 600, ("hostname",))),
        ("a | none in 10m by hostname", Condition(COUNT, "<", 1, 600, ("hostname",))),
        ("| avg ms <= -2 in 90s", Condition(Figure("avg", "ms"), "<=", -2, 90)),
    ],
)
def test_the_condition_of_each_text(text, condition):
    assert parse_alert(text).condition == condition


def test_the_lines_of_an_alert_are_those_of_its_filter_and_stages():
    text = 'a | extract "took <ms> ms" | where ms>5 | count > 1 in 5m'
    found = parse_alert(text)
    assert found.lines.names == ("ms",)
    assert found.lines_text == 'a | extract "took <ms> ms" | where ms>5'
    assert found.filter_text == "a"
    assert parse_alert("a b").lines.node == parse("a b")
    assert parse_alert("| none in 5m").lines.node == EVERYTHING


@pytest.mark.parametrize(
    ("text", "sentence", "place"),
    [
        ("a | count", "an alert compares the figure", 9),
        ("a | count by app", "an alert compares the figure", 16),
        ("a | count by app in 5m", "an alert compares the figure", 22),
        ("a | count in 5m > 1 in 6m", "in is one word too many", 20),
        ("a | count > 1 > 2 in 5m", "a length of time is missing", 14),
        ("a | none by app > 3 in 5m", "a length of time is missing", 16),
        ("a | count > in 5m", "a number is missing", 12),
        ("a | count > 5", "a length of time is missing", 13),
        ("a | count > 5 in", "no step of time", 16),
        ("a | count > 5 in 5", "no step of time", 17),
        ("a | count > 5 in 8d", "7d at most", 17),
        ("a | none in 10ms", "1s at least", 12),
        ("a | none in 5m by", "by needs a field", 17),
        ("a | none in 5m | count > 5 in 5m", "nothing can stand behind a condition", 17),
        ("a | sort ms", "sort is no stage of a query", 4),
        ("a | p95 ms > 5 in 5m", "p95 is no stage of a query", 4),
        ("a | median ms > 5 in 5m", "median is no stage of a query", 4),
        ("a | avg > 5 in 5m", "avg needs a field", 8),
        ("a | none in 5m now", "one word too many", 15),
        ("a" + " | where a" * 21, "20 stages", None),
        ("a | count >= 0 in 5m", "so this is always true", 13),
        ("a | count > -1 in 5m by app", "so this is always true", 12),
        ("a | count <= -0.5 in 5m", "so this is never true", 13),
        ("a | count <0.0 in 5m", "so this is never true", 11),
        ("a | none in 0s", "0s is no step of time", 12),
        ("a | none in 5m by app, position", "each line has another position", 31),
        ("a | count > 5 in 5m by position", "each line has another position", 31),
    ],
)
def test_a_wrong_condition_is_an_error_at_its_place(text, sentence, place):
    with pytest.raises(QueryError, match=sentence) as error:
        parse_alert(text)
    assert place is None or error.value.at == place + 1


@pytest.mark.parametrize(
    ("operator", "values"), [(">", [6]), (">=", [5, 6]), ("<", [4]), ("<=", [4, 5])]
)
def test_a_figure_is_compared(operator, values):
    condition = Condition(COUNT, operator, 5, 60)
    assert [value for value in (4, 5, 6) if condition.is_met_by(value)] == values
    assert not condition.is_met_by(None)
    assert condition.is_absence == (operator in "<=")
