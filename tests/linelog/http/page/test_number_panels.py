"""Panels of a board that are a single number, in a real browser: the figure, its unit and its change."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import CONTRAST, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
SETTLED = "!document.querySelector('.board-panel.stale')"
NUMBER, CHANGE, NOTE = ".number-value", ".number-change", ".board-panel > .note"
DAY = {"last": "24h"}


def single(columns: list[str], figures: tuple[Any, ...], given: dict[str, str]) -> dict[str, Any]:
    """Return an answer of one row, of the time asked for."""
    begin = datetime.now(UTC) - timedelta(hours=24)
    ends = {"since": begin.isoformat(), "until": None}
    if given["since"][:2] == "20":
        ends = {"since": given["since"], "until": given["until"]}
    return answer(columns, [figures], every=None) | ends


def open_number(visit: Any, logs: Logs, query: str, **how: Any) -> Page:
    """Open a board of a number; the store has a line of days before."""
    logs.lines.clear()
    logs.send("old", time=datetime.now(UTC) - timedelta(days=9))
    logs.saved = [{"name": "it", "q": query, **DAY}]
    logs.boards["shop"] = {"panels": [{"search": "it", "as": "number"}]}
    ready = f"document.querySelector('.board-panel') && {SETTLED}"
    page: Page = visit("board?name=shop", ready=ready, **how)
    return page


def earlier_and_now(columns: list[str], before: tuple[Any, ...], now: tuple[Any, ...]) -> Any:
    """Return the answers of the server: of the span before the asked time, and of this."""
    return lambda given: single(columns, before if given.get("until") else now, given)


@pytest.mark.parametrize(
    ("column", "before", "now", "shown", "said"),
    [
        ("count", 1000, 1250, "1,250", "▲up  25 % · was 1,000"),
        ("p95_ms", 12.5, 10, "10.0 ms", "▼down  20 % · was 12.5 ms"),
        ("sum_bytes", 1024, 4096, "4 KiB", "▲up  300 % · was 1 KiB"),
        ("count", 0, 3, "3", "▲up  was 0"),
        ("part", 0.012, 0.27, "27.0 %", "▲up  2,150 % · was 1.2 %"),
        ("part", 0, 0, "0 %", "=unchanged  was 0 %"),
        ("count", 7, 7, "7", "=unchanged  was 7"),
        ("avg_ms", None, 5, "5 ms", "no figure before"),
        ("avg_ms", 5, None, "–no figure", "was 5 ms"),
    ],
)
def test_a_number_says_its_unit_and_its_change(column, before, now, shown, said, logs, visit):
    logs.table = earlier_and_now([column], (before,), (now,))
    page = open_number(visit, logs, "| count")
    assert page.texts(NUMBER) == [shown]
    assert page.texts(CHANGE) == [said]
    assert page.run("document.querySelector('.number-change span')?.ariaHidden ?? 'true'") == "true"


def test_the_span_before_is_as_long_and_ends_where_the_asked_one_begins(logs, visit):
    logs.table = earlier_and_now(["count"], (1,), (2,))
    page = open_number(visit, logs, "| count")
    asked = [one for one in logs.asked if one.startswith("/api/table")]
    assert len(asked) == 2 and "since=24h" in asked[0] and "until" not in asked[0]
    ends = page.run(
        f"['since', 'until'].map((one) => new URLSearchParams({json.dumps(asked[1])}).get(one))"
    )
    first, last = (datetime.fromisoformat(end) for end in ends)
    assert abs((last - first).total_seconds() - 86_400) < 5
    assert abs((datetime.now(UTC) - last).total_seconds() - 86_400) < 60
    assert " · compared with " in page.text(NOTE)


def test_several_figures_are_shown_the_last_one_first_and_of_many_only_it(logs, visit):
    columns = ["count", "errors", "share"]
    logs.table = earlier_and_now(columns, (100, 10, 0.1), (200, 10, 0.05))
    page = open_number(visit, logs, "| count, count if (x) as errors | let share = errors / count")
    assert page.texts(".number-name") == ["share", "errors", "lines"]
    assert page.texts(NUMBER) == ["0.05", "10", "200"]
    assert page.texts(CHANGE)[0] == "▼down  50 % · was 0.10"
    many = [f"sum_{number}" for number in range(5)]
    logs.table = earlier_and_now(many, (1,) * 5, (1, 2, 3, 4, 5))
    page = open_number(visit, logs, "| sum a")
    assert page.texts(NUMBER) == ["5"]


def test_a_query_that_compares_keeps_its_own_comparison(logs, visit):
    columns = ["count", "count_before", "count_change"]
    logs.table = lambda given: single(columns, (15, 10, 5), given)
    page = open_number(visit, logs, "| count compare 7d")
    assert page.texts(CHANGE) == ["▲up  50 % · was 10, 7d before"]
    assert sum(one.startswith("/api/table") for one in logs.asked) == 1
    # Of an earlier time that the store has lost in part nothing is said.
    missing = {"compare": {"shift": 1, "missing_until": "2026-11-20T06:00:00Z"}}
    logs.table = lambda given: single(columns, (15, 10, 5), given) | missing
    page = open_number(visit, logs, "| count compare 7d")
    assert page.texts(CHANGE) == [""] and "the store has no lines of the earlier" in page.text(NOTE)


def test_nothing_is_compared_with_a_time_before_the_store(logs, visit):
    logs.table = earlier_and_now(["count"], (1,), (2,))
    page = open_number(visit, logs, "| count")
    logs.lines.clear()
    logs.send("new")
    page.go(page.run("location.href"))
    page.wait(f"document.querySelector('.board-panel') && {SETTLED}")
    assert page.texts(NUMBER) == ["2"] and page.texts(CHANGE) == [""]
    assert "the store begins at " in page.text(NOTE)


def test_lines_are_counted(logs, visit):
    page = open_number(visit, logs, "a")
    logs.send("a", "a", "b")
    page.go(page.run("location.href"))
    page.wait(f"document.querySelector('.board-panel') && {SETTLED}")
    assert page.texts(NUMBER) == ["2"] and page.texts(".number-name") == ["lines"]
    asked = [one for one in logs.asked if one.startswith("/api/table")]
    assert all("q=a+%7C+count&" in one for one in asked)


def test_figures_over_time_are_one_of_all_with_a_line(logs, visit):
    over_time = answer(["p95_ms"], [(step, 10 + step) for step in range(6)])

    def table(given: dict[str, str]) -> dict[str, Any]:
        return over_time if "every" in given["q"] else single(["p95_ms"], (12,), given)

    logs.table = table
    page = open_number(visit, logs, "app=shop | p95 ms every 10m | where p95_ms > 1")
    assert page.texts(NUMBER) == ["12 ms"]
    assert page.run("document.querySelector('.sparkline path').getAttribute('d')").count("L") == 5
    assert page.run("document.querySelector('.sparkline').ariaHidden") == "true"
    assert any("app%3Dshop+%7C+p95+ms+%7C+where+p95_ms" in one for one in logs.asked)
    disabled = "[...document.querySelectorAll('.choice-group button')].map((one) => one.disabled)"
    assert page.run(disabled) == [False] * 4


@pytest.mark.parametrize("query", ["| count by app", "| patterns", "| sort ms", "| last user"])
def test_what_has_no_single_number_is_a_table_and_says_so(query, logs, visit):
    by = ("app",) if " by " in query else ()
    logs.table = answer(["count" if by else "last_user"], [("a", 1)[not by :]], by, None)
    page = open_number(visit, logs, query)
    # The fake server takes the words of stages for words to look for.
    logs.send(query)
    page.go(page.run("location.href"))
    page.wait(f"document.querySelector('.board-panel td') && {SETTLED}")
    assert "shown as a table" in page.text(NOTE)
    assert page.run("document.querySelector('.board-panel .table').checkVisibility()")
    assert not page.run("document.querySelector('.single').checkVisibility()")
    number = "[...document.querySelectorAll('.choice-group button')].at(-1)"
    assert page.run(f"[{number}.textContent, {number}.disabled]") == ["Number", True]


def test_a_query_that_needs_its_steps_is_a_table(logs, visit):
    over_time = answer(["count"], [(step, 10 + step) for step in range(6)])

    def table(given: dict[str, str]) -> dict[str, Any]:
        if "every" not in given["q"]:
            raise ValueError("there is no column time")
        return over_time

    logs.table = table
    page = open_number(visit, logs, "| count every 10m | where time > now - 1h")
    assert "shown as a table" in page.text(NOTE)
    assert len(page.texts(".board-panel tbody tr")) == 6


def test_a_number_is_chosen_and_left_by_its_buttons(logs, visit):
    logs.table = earlier_and_now(["count"], (1,), (2,))
    page = open_number(visit, logs, "| count")
    page.click(".choice-group button")
    page.wait(f"document.querySelector('.board-panel td') && {SETTLED}")
    assert not page.run("document.querySelector('.single').checkVisibility()")
    page.click(".choice-group button:last-child")
    page.wait(f"document.querySelector('.single').checkVisibility() && {SETTLED}")
    assert logs.boards["shop"]["panels"][0]["as"] == "number"


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1440, 900), ("dark", 1280, 800), ("light", 390, 844)]
)
def test_numbers_are_readable_and_accessible(scheme, width, height, logs, visit):
    columns = ["count", "errors", "sum_bytes"]
    figures = (9_007_199_254_740_993, 12_345_678_901, 123_456_789_012)
    logs.table = earlier_and_now(columns, figures[::-1], figures)
    page = open_number(
        visit, logs, "| count", width=width, height=height, prefers_color_scheme=scheme
    )
    assert found_by_axe(page, "moderate", "serious", "critical") == []
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
    tops = "new Set([...document.querySelectorAll('.choice-group button')].map((one) => one.offsetTop))"
    assert page.run(f"{tops}.size") == 1
