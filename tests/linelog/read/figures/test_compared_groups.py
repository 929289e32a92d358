"""Figures beside those of an earlier range of time, also where the store no longer has all of it."""

from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from logsrv.errors import QueryError
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.answer_kinds import after_stages
from logsrv.linelog.read.figures import kept_values
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.figures import Figures
from tests.parts.stores import BEGIN, line, make_store, view_of

HOUR, DAY = 3600, 86400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of yesterday and of today; yesterday's begin ten minutes late."""
    texts = {
        -DAY + 600: '{"app": "shop", "ms": 10}',
        -DAY + 700: '{"app": "mail", "ms": 20}',
        -DAY + 800: '{"app": "mail", "user": "ann"}',
        -DAY + HOUR + 60: '{"app": "cron", "ms": -7}',
        0: '{"app": "shop", "ms": 30, "user": "bob"}',
        60: '{"app": "shop", "ms": 50}',
        HOUR: '{"app": "mail", "user": "cid"}',
        HOUR + 60: '{"app": "new"}',
    }
    lines = [line(text, second) for second, text in texts.items()]
    return make_store(tmp_path_factory.mktemp("compared") / "logs", [lines[:4], lines[4:]])


def moment(seconds: float) -> str:
    return rfc3339(BEGIN + seconds)


def table(store: Path | View, query: str, since: float, until: float | None) -> Rows:
    asked = parse_question(query)
    assert isinstance(asked.answer, Figures)
    view = view_of(store) if isinstance(store, Path) else store
    kind: Any = StoresSearch if view.names else Search
    scope = Scope(moment(since), "" if until is None else moment(until))
    search = kind(view, make_matcher(asked.node), scope)
    found = asked.answer.rows(search, asked.extractions)
    return after_stages(found, asked.answer, asked.row_stages)


@pytest.mark.parametrize(
    ("query", "since", "rows"),
    [
        ("| count compare 1d", 600, [(2, 4, -2)]),
        (
            "| count by app compare 1d",
            600,
            [("mail", 1, 2, -1), ("new", 1, 0, 1), ("cron", 0, 1, -1), ("shop", 0, 1, -1)],
        ),
        (
            "| max ms, first user by app compare 1d",
            600,
            [
                ("cron", None, -7, None, None, None),
                ("mail", None, 20, None, "cid", "ann"),
                ("shop", None, 10, None, None, None),
            ],
        ),
        (
            "ms=* | sum ms, count_distinct user by app compare 1d every 1h",
            0,
            [
                (moment(0), "shop", 80, 10, 70, 1, 0, 1),
                (moment(0), "mail", None, 20, None, 0, 0, 0),
                (moment(HOUR), "cron", None, -7, None, 0, 0, 0),
            ],
        ),
        ("| count by app compare 1d | where count_change > 0", 600, [("new", 1, 0, 1)]),
        (
            "| count by app compare 1d | sort count_before",
            1000,
            [("cron", 0, 1, -1), ("mail", 1, 0, 1), ("new", 1, 0, 1)],
        ),
    ],
)  # fmt: skip
def test_each_figure_is_followed_by_the_earlier_one_and_the_change(store, query, since, rows):
    found = table(store, query, since, 2 * HOUR)
    assert found.rows == rows
    for first in (name for name in found.columns if f"{name}_before" in found.columns):
        at = found.columns.index(first)
        has_change = not first.startswith("first_")
        names = (f"{first}_before", f"{first}_change")[: 1 + has_change]
        assert found.columns[at + 1 : at + 1 + len(names)] == names
    assert len(found.columns) == len(rows[0])
    assert found.compare is not None
    assert (found.compare.shift, found.compare.until) == (DAY, moment(2 * HOUR - DAY))


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        # Yesterday's shop may have had more lines, and new is not known to have had none.
        (
            "| count by app compare 1d",
            [("shop", 2, 1, 1), ("mail", 1, 2, -1), ("new", 1, None, None), ("cron", 0, 1, -1)],
        ),
        (
            "| count every 1h by app compare 1d",
            [
                (moment(0), "shop", 2, 1, 1),
                (moment(0), "mail", 0, 2, -2),
                (moment(HOUR), "mail", 1, 0, 1),
                (moment(HOUR), "new", 1, 0, 1),
                (moment(HOUR), "cron", 0, 1, -1),
            ],
        ),
        ("| count compare 2d", [(4, None, None)]),
        ("| count compare 100000d", [(4, None, None)]),
        ("| count every 2h compare 2d", [(moment(0), 4, None, None)]),
    ],
)
def test_what_the_store_no_longer_has_is_no_zero(store, query, rows):
    found = table(store, query, 0, 2 * HOUR)
    assert found.rows == rows
    assert found.compare is not None
    assert found.compare.missing_until == min(moment(600 - DAY), found.compare.until)
    assert found.compare.lines == (4 if "1d" in query else 0)


def test_without_an_end_both_ranges_end_now(store):
    with patch("time.time", lambda: BEGIN + 61):
        found = table(store, "| count compare 30s", 0, None)
    assert found.rows == [(2, 1, 1)]
    assert found.compare is not None
    assert (found.compare.since, found.compare.until) == (moment(-30), moment(31))
    assert found.compare.missing_until is None


def test_a_comparison_needs_a_range(store):
    asked = parse_question("| count compare 1d")
    assert isinstance(asked.answer, Figures)
    search = Search(view_of(store), make_matcher(asked.node), Scope(until=moment(0)))
    with pytest.raises(QueryError, match="compare needs a range of time"):
        asked.answer.rows(search, ())


@pytest.mark.parametrize(
    ("every", "gap", "is_missing"),
    [("", 60, False), ("", 90, True), (" every 1m", 50, False), (" every 5s", 50, True)],
)
def test_a_gap_of_a_hundredth_or_of_a_step_is_not_missing(store, every, gap, is_missing):
    since = 600 - gap
    found = table(store, f"| count by app compare 1d{every}", since, since + 7200)
    assert found.compare is not None
    assert (found.compare.missing_until is not None) == is_missing


def test_one_of_several_stores_lacks_a_part(store, tmp_path):
    younger = make_store(tmp_path / "younger", [[line('{"app": "young"}', 0)], []])
    view = StoresView([str(store), str(younger)], lambda name: view_of(Path(name)), pytest.fail)
    found = table(view, "| count by app compare 1d", 700, 2 * HOUR)
    assert found.compare is not None
    assert found.compare.missing_until == moment(2 * HOUR - DAY)
    assert ("new", 1, None, None) in found.rows


def test_two_bounds_have_no_change(store, monkeypatch):
    monkeypatch.setattr(kept_values, "MOST_DISTINCT", 1)
    found = table(store, "| count_distinct app compare 1d", 0, 2 * HOUR)
    assert found.rows == [(1, 1, None)]
    assert found.at_least == ["count_distinct_app", "count_distinct_app_before"]


@pytest.mark.parametrize("bound", ["earlier", "later", "both", "none"])
@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("| p50 ms compare 1d", "groups.MOST_NUMBERS"),
        ("| count by ms compare 1d", "frequent_keys.MOST_KEYS"),
        ("| count_distinct ms compare 1d", "kept_values.MOST_DISTINCT"),
    ],
)
def test_what_is_an_estimate_of_either_range_is_told(tmp_path, monkeypatch, query, most, bound):
    """A bound that only one of the ranges reaches: the table is not told to be exact."""
    of_many, of_few = [list(range(100)), [7]]
    days = {-DAY: bound in ("earlier", "both"), 0: bound in ("later", "both")}
    lines = [
        line(f'{{"ms": {ms}}}', second)
        for second in days
        for ms in (of_many if days[second] else of_few)
    ]
    store = make_store(tmp_path / "logs", [lines, []])
    monkeypatch.setattr(f"logsrv.linelog.read.figures.{most}", 10)
    found = table(store, query, 0, HOUR)
    estimates = {
        "groups.MOST_NUMBERS": not found.exact,
        "frequent_keys.MOST_KEYS": bool(found.missed and found.left_out),
        "kept_values.MOST_DISTINCT": bool(found.at_least),
    }
    assert [one for one, is_told in estimates.items() if is_told] == [most] * (bound != "none")
    if found.at_least:
        first = "count_distinct_ms"
        wanted = {"earlier": [f"{first}_before"], "later": [first]}
        assert found.at_least == wanted.get(bound, [first, f"{first}_before"])
        assert found.rows[0][-1] is None


def test_ten_thousand_groups_are_compared(tmp_path):
    lines = [line(f'{{"id": {n}}}', second + n / 1e4) for second in (0, DAY) for n in range(5_000)]
    more = [line(f'{{"id": {n}}}', DAY + 1) for n in range(5_000, 10_000)]
    made = make_store(tmp_path / "logs", [lines, more])
    found = table(made, "| count by id compare 1d", DAY, DAY + 60)
    assert len(found.rows) == 10_000
    assert sum(before or 0 for _, _, before, _ in found.rows) == 5_000  # type: ignore[misc]


def local_table(store: Path, query: str, since: str, until: str) -> list[tuple[Any, ...]]:
    """The rows for a reader in Berlin, with the hour of each time there."""
    asked = parse_question(query)
    assert isinstance(asked.answer, Figures)
    zone = ZoneInfo("Europe/Berlin")
    since, until = (
        rfc3339(datetime.fromisoformat(one).replace(tzinfo=zone).timestamp())
        for one in (since, until)
    )
    search = Search(view_of(store), make_matcher(asked.node), Scope(since, until))
    rows = asked.answer.for_reader(search, "Europe/Berlin").rows(search, asked.extractions).rows
    return [
        (datetime.fromisoformat(str(time)).astimezone(zone).isoformat()[:16], *figures)
        for time, *figures in rows
    ]


@pytest.fixture(scope="module")
def changed_clocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line each half an hour of four days, in the second of which clocks are set forward."""
    begin = datetime.fromisoformat("2026-03-28T00:00+01:00").timestamp()
    some = [line("x", begin - BEGIN + 1800 * number) for number in range(2 * 95)]
    return make_store(tmp_path_factory.mktemp("changed") / "logs", [some])


def test_a_day_is_compared_with_a_whole_day_when_clocks_change(changed_clocks):
    query, until = "| count every 1d compare 1d", "2026-03-31T00:00"
    assert local_table(changed_clocks, query, "2026-03-29T00:00", until) == [
        ("2026-03-29T00:00", 46, 48, -2),
        ("2026-03-30T00:00", 48, 46, 2),
    ]


def test_an_hour_is_compared_with_the_same_one_by_the_clock(changed_clocks):
    query = "| count every 1h compare 1d"
    found = local_table(changed_clocks, query, "2026-03-29T01:00", "2026-03-29T05:00")
    # There is no 02:00 on this day, and the one of the day before is in no row.
    assert found == [(f"2026-03-29T0{hour}:00", 2, 2, 0) for hour in (1, 3, 4)]
    found = local_table(changed_clocks, query, "2026-03-30T01:00", "2026-03-30T04:00")
    assert found == [
        ("2026-03-30T01:00", 2, 2, 0),
        ("2026-03-30T02:00", 2, None, None),
        ("2026-03-30T03:00", 2, 2, 0),
    ]


def test_the_rate_of_a_day_is_of_its_23_hours(changed_clocks):
    rows = local_table(changed_clocks, "| rate 1h every 1d", "2026-03-29T00:00", "2026-03-31T00:00")
    assert rows == [("2026-03-29T00:00", 2.0), ("2026-03-30T00:00", 2.0)]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("| count every 1mo compare 1d", "months differ in length"),
        ("| count every auto compare 1d", "compare needs the length of its steps"),
        ("| count every 36h compare 1d", "must be a multiple"),
    ],
)
def test_steps_that_cannot_be_compared_are_refused(query, sentence):
    with pytest.raises(QueryError, match=sentence):
        parse_question(query)
