"""Texts of alerts made of queries, and queries made of alerts, which the server has to read."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.http.assets import static_folder
from logsrv.linelog.query.pipeline import parse_question
from tests.linelog.http.page.conftest import Open

pytestmark = pytest.mark.long
Call = Callable[..., Any]


@pytest.fixture
def call(visit: Open) -> Call:
    """`call("windowOf", "a | count > 1 in 5m")` calls a function of the module."""
    page = visit("alerts", ready="document.querySelector('#none').textContent")

    def function(name: str, *arguments: object) -> Any:
        names = "...modules['alert_text.js'], ...modules['alert_proposal.js']"
        module = f"import('{static_folder()}/alerts.js').then(({{modules}}) => ({{{names}}})"
        return page.run(f"{module}.{name}(...{json.dumps(arguments)}))")

    return function


def test_figures_get_a_window_and_a_comparison_to_fill_in(call):
    for query, text in (
        ("| count by app", "| count in 5m by app | where count > "),
        ("status>=500 | count", "status>=500 | count in 5m | where count > "),
        ("| count every 10m by app", "| count in 10m by app | where count > "),
        ("| count by app every 1h compare 1d", "| count in 1h by app | where count > "),
        ("| count by app every auto", "| count in 5m by app | where count > "),
        ("x | avg took_ms, count by `my path`, b | sort count | limit 5",
         "x | avg took_ms, count in 5m by `my path`, b | where avg_took_ms > "),
        ("| count as `my lines`", "| count as `my lines` in 5m | where `my lines` > "),
        ('x | extract "<ms> ms" | p95 ms', 'x | extract "<ms> ms" | p95 ms in 5m | where p95_ms > '),
        ("| count, count if (a) as b by app | let share = b / count",
         "| count, count if (a) as b in 5m by app | let share = b / count | where share > "),
    ):  # fmt: skip
        assert call("proposals", query)[0]["text"] == text, query
        assert call("wantsNumber", text)
        # With a number it is an alert.
        assert parse_alert(f"{text}7").condition, text


def test_figures_with_a_comparison_need_none(call):
    text = call("proposals", "| count by app | where count > 9 | sort count")[0]["text"]
    assert text == "| count in 5m by app | where count > 9"
    assert not call("wantsNumber", text)
    assert parse_alert(text).condition


def test_lines_are_reported_counted_or_missed(call):
    for query, texts in (
        ("level>=error", ["level>=error", "level>=error | count > 0 in 5m", "level>=error | none in 10m"]),
        ("", ["| count > 0 in 5m", "| none in 10m"]),
        ("a | sort took | limit 5", ["a", "a | count > 0 in 5m", "a | none in 10m"]),
        ("a | patterns by app", ["a", "a | count > 0 in 5m", "a | none in 10m"]),
        ('a | extract "<ms> ms" | where ms>5', ['a | extract "<ms> ms" | where ms>5',
         'a | extract "<ms> ms" | where ms>5 | count > 0 in 5m',
         'a | extract "<ms> ms" | where ms>5 | none in 10m']),
    ):  # fmt: skip
        assert [one["text"] for one in call("proposals", query)] == texts
        for text in texts:
            parse_alert(text)
            assert not call("wantsNumber", text)


def test_an_alert_has_the_query_of_its_lines_and_a_window(call):
    for text, group, query, window in (
        ("status>=500 | count > 100 in 5m", {}, "status>=500", 300),
        ("app=backup | none in 10m by host", {"host": "my host"}, 'app=backup host="my host"', 600),
        ("| p95 ms, count in 1.5h by `a b` | where count > 1", {"a b": "x"}, "`a b`=x", 5400),
        ("x | where a in (1, 2) | rate > 10 in 1m", {}, "x | where a in (1, 2)", 60),
        ("status in (500, 502)", None, "status in (500, 502)", 0),
        ("| count > 1 in 1d by app, host", {"app": None, "host": 7}, "-app=* host=7", 86400),
    ):
        assert call("linesOf", text, group) == query
        assert call("windowOf", text) == window
        parse_alert(text)
        parse_question(query)


def test_a_number_is_still_to_be_typed_only_at_the_end(call):
    for text, wants in (
        ("| count > ", True),
        ("| count >=", True),
        ("| count in 5m | where a < ", True),
        ("status>=", False),
        ("| count > 5", False),
        ("| count > 5 in 5m", False),
    ):
        assert call("wantsNumber", text) is wants, text


def test_a_name_is_made_of_the_lines_the_figure_and_the_groups(call):
    for text, name in (
        ("level>=error", "level-error"),
        ("| count in 5m by app | where count > 80", "count-by-app"),
        ("status>=500 | count > 10 in 5m", "status-500-count"),
        ("disk | none in 10m", "disk-none"),
        ("| count > 3 in 5m", "count"),
        (
            "a | count, count if (b) as c in 5m by app | let share = c / count | where share > 1",
            "a-share-by-app",
        ),
        ('"größer" user="-x"', "gro-er-user-x"),
        ("ошибка", "alert"),
    ):
        assert call("nameFor", text, []) == name, text
    assert call("nameFor", "a", ["a", "a-2"]) == "a-3"
    long = call("nameFor", "level>=error " + "word " * 40, [])
    assert len(long) <= 56 and long.endswith("-word")


def test_figures_of_a_proposed_alert_are_asked_window_after_window(call):
    for text, query in (
        ("| count in 5m by app | where count > ", "| count every 5m by app"),
        ("disk | count > 0 in 5m", "disk | count every 5m"),
        (
            "x | count, count if (b) as c in 10m | let share = c / count | where share > ",
            "x | count, count if (b) as c every 10m | let share = c / count",
        ),
    ):
        found = call("stepsOf", text)
        assert found["q"] == query
        assert found["isLast"] == ("let" in text)
        assert parse_question(query)
    for text in ("disk", "disk | none in 10m", "| count in 5m | where count > 9"):
        assert call("stepsOf", text) is None


def test_a_proposed_number_is_short_and_above_what_was(call):
    for most, whole, number in (
        (66, True, 80),
        (1, True, 2),
        (0, True, 0),
        (83, True, 100),
        (0.113, False, 0.15),
        (1234.5, False, 1500),
        (9, True, 15),
    ):
        assert call("above", most, whole) == number, most
    found = call("withNumber", "a | count > 0 in 5m", "12")
    assert found == {"text": "a | count > 12 in 5m", "start": 12, "end": 14}
    assert call("withNumber", "| count in 5m | where count > ", "7")["text"].endswith("> 7")
