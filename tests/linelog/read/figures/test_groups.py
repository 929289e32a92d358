"""Figures by groups, sorted lines and quantiles: what a loop over the lines finds."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.figures import frequent_keys, groups
from logsrv.linelog.read.figures.chosen_lines import ChosenLines, sort_lines
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.figures.grouping import COUNT, Grouping
from logsrv.linelog.read.figures.groups import Groups
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.stages.figures import Figures
from logsrv.linelog.stages.sort import Sorting
from logsrv.linelog.steps.step_words import of_months
from logsrv.linelog.steps.steps import Steps
from tests.parts.stores import line, make_store, view_of

MESSAGES = [
    ('{"app": "shop", "ms": 5, "status": 200}', 0),
    ('{"app": "shop", "ms": 9.5, "status": 500, "tags": ["a", "b"]}', 1),
    ('{"app": "mail", "ms": "12ms", "status": 200, "tags": []}', 2),
    ('{"app": "mail", "ms": "slow"}', 61),
    ("<11>Nov 20 06:18:42 web1 sshd[7]: Failed password for root from 10.0.0.9 port 22 ssh2", 62),
    ("request took 40 ms", 63),
    ("request took 1500 ms", 64),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [line(text, second, f"web@tcp:10.0.0.{second % 2}:5") for text, second in MESSAGES]
    return make_store(
        tmp_path_factory.mktemp("groups") / "logs", [lines[:3], lines[3:5], lines[5:]]
    )


def table(store: Path, query: str) -> Rows:
    asked = parse_question(query)
    assert isinstance(asked.answer, Figures)
    search = Search(view_of(store), make_matcher(asked.node), Scope())
    return asked.answer.rows(search, asked.extractions)


def in_order(store: Path, query: str, most: int = 10) -> ChosenLines:
    asked = parse_question(query)
    assert isinstance(asked.answer, Sorting)
    search = Search(view_of(store), make_matcher(asked.node), Scope())
    return sort_lines(
        search, asked.answer.field, asked.extractions, most, ascending=asked.answer.ascending
    )


@pytest.mark.parametrize(
    ("query", "columns", "rows"),
    [
        ("| count", ["count"], [(7,)]),
        ("| count by app", ["app", "count"], [("mail", 2), ("shop", 2), (None, 2), ("sshd", 1)]),
        (
            "| sum ms, avg ms, min ms, max ms by app",
            ["app", "sum_ms", "avg_ms", "min_ms", "max_ms"],
            [
                ("shop", 14.5, 7.25, 5, 9.5),
                ("mail", 12, 12.0, 12, 12),
            ],
        ),
        # A group without a number is there if something else is known of it.
        (
            "| count, sum ms by app",
            ["app", "count", "sum_ms"],
            [("mail", 2, 12), ("shop", 2, 14.5), (None, 2, None), ("sshd", 1, None)],
        ),
        ("status=* | p50 ms", ["p50_ms"], [(9.5,)]),
        ("status=* | count by tags", ["tags", "count"], [(None, 2), ("a", 1), ("b", 1)]),
        (
            "| count by host, level",
            ["host", "level", "count"],
            [("10.0.0.0", None, 3), ("10.0.0.1", None, 3), ("10.0.0.0", "error", 1)],
        ),
        (
            "| count every 1m",
            ["time", "count"],
            [("2026-11-20T06:00:00.000000Z", 3), ("2026-11-20T06:01:00.000000Z", 4)],
        ),
        (
            '| extract "took <n> ms" | where n=* | max n every 1h by name',
            ["time", "name", "max_n"],
            [("2026-11-20T06:00:00.000000Z", "web", 1500)],
        ),
        ("nosuchword | count by app", ["app", "count"], []),
        ("nosuchword | count, avg ms", ["count", "avg_ms"], [(0, None)]),
    ],
)
def test_figures_by_groups(store, query, columns, rows):
    found = table(store, query)
    assert list(found.columns) == columns
    assert found.rows == rows
    assert found.exact
    assert not found.left_out


@given(
    st.integers(1_000, 10**7),
    st.lists(st.integers(0, 10**7).map(lambda one: 1795155522 * 10**6 + one)),
)
@example(1_666_666, [1795155522 * 10**6 + 150_000 * number for number in range(40)])
def test_steps_of_any_length_hold_their_lines(step, moments):
    """Also those of alerts: a window of 100 s has steps of 1.666666 s. All in microseconds."""
    text = b"".join(f"{exact_rfc3339(moment)} a x\n".encode() for moment in moments)
    for by in (), ("app",):
        _, _, counts, _ = Groups(Grouping((COUNT,), by, Steps(step / 1e6))).count_text(
            text + b"no time\n"
        )
        found = {start and round(start * 1e6): lines for (start, *_), lines in counts.items()}
        assert found.pop(None) == 1
        assert found == Counter(moment // step * step for moment in moments)


def test_a_field_that_no_line_has_is_named(store):
    found = table(store, "request | avg nosuch, count")
    assert (found.lines, found.without) == (2, ("nosuch",))
    assert table(store, "request | count").without == ()
    assert table(store, "request | count by app").absent == ("app",)
    assert table(store, "| count every 1m by clinet, app").absent == ("clinet",)


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("| count by count", ["count", "count_2"]),
        ("| count every 1m by time", ["time", "time_2", "count"]),
        ("| count by time", ["time", "count"]),
        ("| avg ms by avg_ms", ["avg_ms", "avg_ms_2"]),
        ("| avg ms, count, avg ms", ["avg_ms", "count", "avg_ms_2"]),
        ("| count, count by count_2, count", ["count_2", "count", "count_3", "count_4"]),
        ("| sum a_b, sum a.b", ["sum_a_b", "sum_a.b"]),
        ("| count by app,app", ["app", "count"]),
    ],
)
def test_no_two_columns_have_the_same_name(store, query, columns):
    """In an object of JSON the second would replace the first."""
    assert list(table(store, query).columns) == columns


def test_lines_without_the_field_are_behind_all_texts(tmp_path):
    texts = ["", "a", "\U0010ffff", "\U0010ffff" * 2000]
    messages = ['{"b": 1}', *(json.dumps({"a": text}) for text in texts)]
    store = make_store(tmp_path / "logs", [[line(text, n) for n, text in enumerate(messages)]])
    found = table(store, "| count by a").rows
    assert [value for value, _ in found] == ["", "a", "\U0010ffff", "\U0010ffff" * 1000, None]
    firsts = table(store, "| first a, count by b, a").rows
    assert [first for *_, first, _ in firsts][-2:] == ["\U0010ffff" * 1000, None]


def test_numbers_too_large_for_a_sum_count_as_none(tmp_path):
    values = ["1" + "0" * 400, "1" + "0" * 308, "1e308", "1e308", "-1e308", "1.5", "1" + "0" * 40]
    store = make_store(tmp_path / "logs", [[line(f'{{"n": {value}}}') for value in values]])
    found = table(store, "| count, sum n, avg n, min n, max n, p50 n")
    total = 10**40 + 1.5
    assert list(found.rows[0]) == [7, total, total / 2, 1.5, 10**40, pytest.approx(total / 2)]
    assert [hit.line[-6:-1] for hit in in_order(store, "| sort n", 1).hits] == [b"00000"]


def test_lines_of_too_many_groups_are_counted_not_forgotten(store, monkeypatch):
    monkeypatch.setattr(frequent_keys, "MOST_KEYS", 1)
    found = table(store, "| count by app")
    assert len(found.rows) <= 2 and found.missed
    assert sum(int(row[1] or 0) for row in found.rows) + found.left_out == found.lines == 7


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("| count by k", ("heavy", 40)),
        ("| count, avg ms by k", ("heavy", 40, 2.0)),
        ("| count, p50 ms, max ms by k, level", ("heavy", None, 40, 2.0, 2)),
        ("| count every 1h by k", ("2026-11-20T06:00:00.000000Z", "heavy", 40)),
    ],
)
def test_the_group_with_the_most_lines_stays_although_it_comes_last(
    query, row, tmp_path, monkeypatch
):
    """And its numbers are no longer counted as in memory once a group is forgotten."""
    monkeypatch.setattr(frequent_keys, "MOST_KEYS", 10)
    rare = [line(f"k=r{number} ms=1", 1) for number in range(40)]
    heavy = [line("k=heavy ms=2", 2) for _ in range(40)]
    found = table(make_store(tmp_path / "logs", [rare, heavy]), query)
    assert found.rows[0] == row and found.lines == 80
    assert found.missed == 1 and len(found.rows) <= 21
    assert found.left_out == 80 - sum(int(one[row.index(40)] or 0) for one in found.rows)


def test_many_numbers_keep_quantiles_within_half_a_percent(store, monkeypatch):
    monkeypatch.setattr(groups, "MOST_NUMBERS", 2)
    found = table(store, "| avg ms, p50 ms")
    assert not found.exact
    assert list(found.rows[0]) == [pytest.approx(26.5 / 3), pytest.approx(9.5, rel=0.006)]


def test_the_slowest_lines_come_first(store):
    found = in_order(store, '| extract "took <n> ms" | sort n')
    assert [hit.line[-7:] for hit in found.hits] == [b"1500 ms", b"k 40 ms"]
    assert (found.lines, found.with_number) == (7, 2)
    assert [
        json.loads(hit.line.split(b" ", 2)[2])["ms"]
        for hit in in_order(store, "| sort ms asc").hits
    ] == [5, 9.5, "12ms"]
    assert len(in_order(store, "| sort ms", 2).hits) == 2
    assert in_order(store, "| sort ms", 0).with_number == 3
    assert in_order(store, "| sort nosuch") == ChosenLines([], [], 7, 0)


def test_of_equal_numbers_the_older_line_is_first(tmp_path):
    lines = [
        [line(f"n={number % 2} m=1", number) for number in range(start, start + 5)]
        for start in (0, 5)
    ]
    store = make_store(tmp_path / "logs", lines)
    for query, bit in (("| sort n", 1), ("| sort n asc", 0)):
        found = in_order(store, query, 4)
        seconds = [int(hit.line[17:19]) for hit in found.hits]
        assert seconds == [second for second in range(10) if second % 2 == bit][:4]


def test_what_is_remembered_is_of_a_zone_and_a_step():
    steps = [
        Steps(86400.0),
        Steps(86400.0, zone="Asia/Kolkata"),
        Steps(86400.0, zone="Europe/Berlin"),
        Steps(3600.0, zone="Europe/Berlin"),
        of_months(1).in_zone("Europe/Berlin"),
    ]
    assert len({Groups(Grouping((COUNT,), (), one)).identity for one in steps}) == len(steps)


@pytest.mark.parametrize("text", [b"", b"no time\n", b"no time\nand none here\n"])
@pytest.mark.parametrize("seconds", [60.0, 3600.0, 86400.0])
def test_lines_without_a_time_are_in_no_step(text, seconds):
    grouping = Grouping((COUNT,), ("app",), Steps(seconds).in_zone("Asia/Kolkata"))
    _, _, counts, _ = Groups(grouping).count_text(text)
    assert counts == ({(None, None): text.count(b"\n")} if text else {})
