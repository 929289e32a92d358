"""Different, first and last values and times of groups, and the stages behind figures."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.answer_kinds import after_stages
from logsrv.linelog.read.figures import groups, kept_values
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.figures.kept_values import DistinctValues
from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.figures import Figures
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import BEGIN, add_columns, line, make_store, view_of

# A clock was set back before the third line.
LINES = [
    line('{"host_": "a", "user": "ann", "tags": ["x", "y"]}', 100),
    line('{"host_": "b", "user": "bob", "n": 5}', 200),
    line('{"host_": "a", "user": "cid", "tags": ["y", "z"], "level": "error"}', 50),
    line('{"host_": "b", "user": 5, "n": 7, "level": "info"}', 300),
    b"no time at all\n",
    line('{"host_": "c", "n": 70, "level": "warning"}', 700),
]


@pytest.fixture(scope="module", params=["text", "columns"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_store(tmp_path_factory.mktemp("values") / "logs", [LINES[:3], LINES[3:], []])
    return add_columns(made) if request.param == "columns" else made


def table(view: View, query: str) -> Rows:
    asked = parse_question(query)
    assert isinstance(asked.answer, Figures)
    search = (StoresSearch if view.names else Search)(view, make_matcher(asked.node), Scope())  # type: ignore[arg-type]
    with columns_for_few_frames(), patch("time.time", lambda: BEGIN + 800):
        found = asked.answer.rows(search, asked.extractions)
        return after_stages(found, asked.answer, asked.row_stages, utc=True)


def at(seconds: int) -> str:
    return f"2026-11-20T06:{seconds // 60:02}:{seconds % 60:02}.000000Z"


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("| count_distinct user", [(4,)]),
        ("| count_distinct tags, first tags, last tags", [(3, "x, y", "y, z")]),
        ("| first user, last user", [("ann", "5")]),
        ("| min time, max time", [(at(50), at(700))]),
        ("nothing | max time, count_distinct user, first user", [(None, 0, None)]),
        # A line of a list is in several groups.
        (
            "tags=* | first user, count_distinct user, min time by tags",
            [("x", "ann", 1, at(100)), ("y", "ann", 2, at(50)), ("z", "cid", 1, at(50))],
        ),
        ("user=* | last user by host_", [("b", "5"), ("a", "cid")]),
        ("| max time by host_", [("c", at(700)), ("b", at(300)), ("a", at(100))]),
        ("| max time by host_ | where time < now - 10m", [("a", at(100))]),
        (f'| max time by host_ | where time >= "{at(300)}"', [("c", at(700)), ("b", at(300))]),
        ("| max time by host_ | where time > 06:05", [("c", at(700))]),
        ("| max time by host_ | where time < 06:06 | sort time asc", [("a", at(100)), ("b", at(300))]),
        ("| count every 10m | where time > 06:05", [("2026-11-20T06:10:00.000000Z", 1)]),
        ("| count, sum n by host_ | where n>20 OR host_=a", [("a", 2, None), ("c", 1, 70)]),
        ("| count, sum n by host_ | where NOT n=* host_=*", [("a", 2, None)]),
        ("| sum n by host_ | sort n asc", [("b", 12), ("c", 70)]),
        ("| count by level | where level>=warning", [("error", 1), ("warning", 1)]),
        ("| count by n | sort n", [("70", 1), ("7", 1), ("5", 1), (None, 3)]),
        ("user=* | count by user | sort user", [("cid", 1), ("bob", 1), ("ann", 1), ("5", 1)]),
    ],
)  # fmt: skip
def test_figures_and_the_stages_behind_them(store, query, rows):
    assert table(view_of(store), query).rows == rows


def test_a_field_that_no_line_has_is_told(store):
    found = table(view_of(store), "| first nosuch, count_distinct other, max n")
    assert (found.absent, found.without) == (("nosuch", "other"), ())


def test_a_field_is_told_once_however_many_figures_it_has(store):
    assert table(view_of(store), "| first q, last q, count_distinct q").absent == ("q",)


def test_the_times_of_all_lines_are_those_of_the_index(tmp_path):
    made = make_store(tmp_path / "logs", [LINES[:3], [LINES[3], LINES[5]], []])
    asked = parse_question("| max time, min time, count")
    assert isinstance(asked.answer, Figures)
    search = Search(view_of(made), make_matcher(asked.node), Scope())
    assert asked.answer.rows(search, ()).rows == [(at(700), at(50), 5)]
    assert (search.stats.frames, search.stats.skipped_frames) == (0, 2)
    later = Search(view_of(made), make_matcher(asked.node), Scope(since=at(100)))
    assert asked.answer.rows(later, ()).rows == [(at(700), at(100), 4)]


def test_the_first_value_of_several_stores_is_the_oldest(tmp_path):
    names = []
    for name, shift in (("late", 60), ("early", 0)):
        lines = [line(f'{{"user": "{name}{n}"}}', shift + n) for n in range(2)]
        names.append(str(make_store(tmp_path / name, [lines, []])))
    view = StoresView(names, lambda name: view_of(Path(name)), pytest.fail)
    assert table(view, "| first user, last user").rows == [("early0", "late1")]


def test_of_equal_times_in_several_stores_the_earlier_line_is_the_first(tmp_path):
    make_store(
        tmp_path / "a", [[line("v=1 w=1", 10)], [line("v=2 w=1", 10), line("v=3 w=1", 10)], []]
    )
    make_store(tmp_path / "b", [[line("v=9 w=1", 15)], []])
    with StoresView(("a", "b"), lambda name: view_of(tmp_path / name), print) as view:
        assert table(view, "app!=x OR v<9 | first v, last v").rows == [("1", "3")]


def values_of(*numbers: range, most: int = 100) -> DistinctValues:
    found = DistinctValues()
    for some in numbers:
        found.add(b"".join(n.to_bytes(8, "little") for n in some))
        found.compress(most)
    return found


@pytest.mark.parametrize(
    ("numbers", "most", "figure"),
    [
        ([range(60), range(40, 100)], 100, 100),
        ([range(60), range(40, 101)], 100, AtLeast(100)),
        ([range(100), range(5)], 100, 100),
        ([range(200), range(500)], 100, AtLeast(100)),
        # Memory is short: only some values are known.
        ([range(60), range(3)], 10, AtLeast(60)),
    ],
)
def test_many_different_values_are_a_lower_bound(monkeypatch, numbers, most, figure):
    monkeypatch.setattr(kept_values, "MOST_DISTINCT", 100)
    found: Any = values_of(*numbers, most=most).figure("count_distinct")
    assert (found, type(found)) == (figure, type(figure))
    assert len(values_of(*numbers, most=most)) <= most


def test_different_values_of_all_groups_take_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(groups, "MOST_HASHES", 200)
    lines = [line(f'{{"app": "app{n % 7}", "id": "{n}"}}', n) for n in range(2100)]
    made = make_store(tmp_path / "logs", [lines[:1000], lines[1000:2000], lines[2000:]])
    found = table(view_of(made), "| count_distinct id, count by app")
    assert found.at_least == ["count_distinct_id"]
    bounds = [bound for _, bound, _ in found.rows]
    assert all(isinstance(bound, AtLeast) and 0 < bound <= 300 for bound in bounds)
    assert not table(view_of(made), "id<50 | count_distinct id by app").at_least
