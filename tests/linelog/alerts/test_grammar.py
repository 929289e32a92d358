"""The grammar of alerts: what each text means, and what is wrong with others."""

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.alerts.condition import Condition
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING, Compare
from logsrv.linelog.read.figures.grouping import COUNT, Figure, Grouping
from logsrv.linelog.stages.let import Computed
from logsrv.linelog.stages.where import RowFilter

MS = {name: Figure(name, "ms") for name in ("avg", "max", "p95")}
ERRORS = Figure("count", condition=Compare("level", ">=", "error"), name="errors")


def where(column: str, operator: str, value: str) -> RowFilter:
    return RowFilter(Compare(column, operator, value))


def condition(
    figures: Figure | tuple[Figure, ...],
    seconds: float,
    *stages: RowFilter | Computed,
    by: str = "",
) -> Condition:
    """The condition of these figures, by fields that are parted by spaces."""
    all_ = (figures,) if isinstance(figures, Figure) else figures
    return Condition(Grouping(all_, tuple(by.split())), seconds, stages)


OF_ERRORS = "count, count if (level>=error) as errors in 5m"
MORE = where("count", ">", "100")
NONE = where("count", "<", "1")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a", None),
        ("a | where b", None),
        ("a | count > 100 in 5m", condition(COUNT, 300, MORE)),
        ("a | count in 5m | where count > 100", condition(COUNT, 300, MORE)),
        (
            "a | count>=1.5 in 1h by app , host",
            condition(COUNT, 3600, where("count", ">=", "1.5"), by="app host"),
        ),
        ("a | count > 100 by app in 5m", condition(COUNT, 300, MORE, by="app")),
        ("a | count by app > 100 in 5m", condition(COUNT, 300, MORE, by="app")),
        ("a | count by app in 5m > 100", condition(COUNT, 300, MORE, by="app")),
        (
            "a | count in 5m by app, host>=2",
            condition(COUNT, 300, where("count", ">=", "2"), by="app host"),
        ),
        ("a | count in 5m > 100 by in", condition(COUNT, 300, MORE, by="in")),
        (
            "a | max ms by app in 1m < 7",
            condition(MS["max"], 60, where("max_ms", "<", "7"), by="app"),
        ),
        ("a | none by hostname in 10m", condition(COUNT, 600, NONE, by="hostname")),
        ("a | none in 10m by hostname", condition(COUNT, 600, NONE, by="hostname")),
        ("| avg ms <= -2 in 90s", condition(MS["avg"], 90, where("avg_ms", "<=", "-2"))),
        (
            "| p95 ms > 0.5s in 5m by path",
            condition(MS["p95"], 300, where("p95_ms", ">", "0.5s"), by="path"),
        ),
        ("| rate > 10 in 1m", condition(Figure("rate", per=1), 60, where("rate", ">", "10"))),
        ("| rate 1m>10 in 1m", condition(Figure("rate", per=60), 60, where("rate", ">", "10"))),
        (
            "| count if (level>=error) as errors > 2 in 1m",
            condition(ERRORS, 60, where("errors", ">", "2")),
        ),
        (
            "| count in 5m by count > 100",
            condition(COUNT, 300, where("count_2", ">", "100"), by="count"),
        ),
        (
            f"| {OF_ERRORS} by app | let share = errors / count | where share > 0.05 | where count > 20",
            condition(
                (COUNT, ERRORS),
                300,
                Computed("share", ("$errors", "$count", "/")),
                where("share", ">", "0.05"),
                where("count", ">", "20"),
                by="app",
            ),
        ),
    ],
)
def test_the_condition_of_each_text(text, wanted):
    assert parse_alert(text).condition == wanted


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
        ("a | count in 5m | where count > 5%", "count is a number, and 5% is not", 32),
        ("a | count", "an alert compares the figure", 9),
        ("a | count by app", "an alert compares the figure", 16),
        ("a | count by app in 5m", "an alert compares the figure", 22),
        ("a | count in 5m > 1 in 6m", "in is one word too many", 20),
        ("a | count > 1 > 2 in 5m", "a length of time is missing", 14),
        ("a | none by app > 3 in 5m", "a length of time is missing", 16),
        ("a | count > in 5m", "count is a number, and in is not", 12),
        ("a | count >", "> needs a value after it", 11),
        ("a | count > 5", "a length of time is missing", 13),
        ("a | count > 5 in", "not a step of time", 16),
        ("a | count > 5 in 5", "not a step of time", 17),
        ("a | count > 5 in 8d", "7d at most", 17),
        ("a | none in 10ms", "1s at least", 12),
        ("a | none in 5m by", "by needs a field", 17),
        ("a | none in 5m | count > 5 in 5m", "a condition has to be the end of an alert", 17),
        ("a | sort ms", "sort is no stage of a query", 4),
        ("a | p96 ms > 5 in 5m", "write p95 FIELD", 4),
        ("a | median ms > 5 in 5m", "write p50 FIELD", 4),
        ("a | first ms > 5 in 5m", "an alert compares numbers", 13),
        ("a | count, max time in 5m | where count > 5", "an alert compares numbers", 20),
        ("a | count, sum in 5m", "a length of time is missing", 18),
        ("a | count, 5m", "write one of these after the comma", 11),
        ("a | count, rate > 5 in 5m", "there are several figures: name one in a where", 16),
        ("a | count, rate in 5m", "an alert ends with a comparison", 21),
        ("a | count, rate", "an alert compares the figure", 15),
        ("a | count, rate | where count > 5", "a length of time is missing", 16),
        ("a | count in 5m | let x = count", "an alert ends with a comparison", 31),
        ("a | count in 5m | where count>5 | let x = count", "an alert ends with", 47),
        ("a | count in 5m by app | where app=x", "compares a figure with a number", 36),
        ("a | count in 5m | where ms > 5", "ms is no column of these figures", 24),
        ("a | count in 5m | where count > x", "count is a number, and x is not", 32),
        ("a | avg ms in 5m | where avg_ms > 5MiB", "another unit than 5MiB", 25),
        ("a | avg ms > 5MiB in 5m", "another unit than 5MiB", 13),
        ("a | count in 5m | where count >= 0", "so this is always true", 24),
        ("a | count in 5m | rate in 5m", "only let and where can follow", 18),
        ("a | count > 5 in 5m | where count > 6", "a condition has to be the end", 22),
        ("a | let x = 5", "let has to follow figures", 4),
        ("a | count as n, rate as n in 5m", "there is a column n already", 4),
        ("a | count every 1m in 5m", "a length of time is missing", 10),
        ("a | avg > 5 in 5m", "avg needs a field", 8),
        ("a | none in 5m now", "one word too many", 15),
        ("a" + " | where a" * 21, "20 stages", None),
        ("a | count >= 0 in 5m", "so this is always true", 13),
        ("a | count > -1 in 5m by app", "so this is always true", 12),
        ("a | count <= -0.5 in 5m", "so this is never true", 13),
        ("a | count <0.0 in 5m", "so this is never true", 11),
        ("a | none in 0s", "0s is not a step of time", 12),
        ("a | none in 5m by app, position", "each line has another position", 31),
        ("a | count > 5 in 5m by position", "each line has another position", 31),
    ],
)
def test_a_wrong_condition_is_an_error_at_its_place(text, sentence, place):
    with pytest.raises(QueryError, match=sentence) as error:
        parse_alert(text)
    assert place is None or error.value.at == place + 1
