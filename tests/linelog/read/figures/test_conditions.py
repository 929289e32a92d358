"""Figures of some of the lines (`count if (…)`), and rates: by text, columns and several stores."""

from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import Cell
from logsrv.linelog.read.answer_kinds import after_stages
from logsrv.linelog.read.figures import group_table
from logsrv.linelog.read.figures.aggregate import add_up
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.figures import Figures
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import BEGIN, add_columns, line, lines, make_store, view_of

MESSAGES = [
    f"level={'error' if n % 4 == 0 else 'info'} app={'shop' if n % 3 else 'mail'} ms={n}"
    for n in range(24)
]


@pytest.fixture(scope="module", params=["text", "columns"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    every = lines(MESSAGES)
    made = make_store(
        tmp_path_factory.mktemp("conditions") / "logs", [every[:10], every[10:20], every[20:]]
    )
    return add_columns(made) if request.param == "columns" else made


def ask(view: View, query: str, scope: Scope) -> Rows:
    asked = parse_question(query)
    assert isinstance(asked.answer, Figures)
    kind = StoresSearch if isinstance(view, StoresView) else Search
    with (
        columns_for_few_frames(),
        closing(kind(view, make_matcher(asked.node), scope, processes=1)) as search,  # type: ignore[arg-type]
    ):
        found = asked.answer.rows(search, asked.extractions)
    return after_stages(found, asked.answer, asked.row_stages)


def table(store: Path, query: str, scope: Scope = Scope()) -> list[tuple[Cell, ...]]:  # noqa: B008
    with view_of(store) as view:
        return ask(view, query, scope).rows


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (
            "| count, count if (level=error) as errors, max ms if (level=error) by app",
            [("shop", 16, 4, 20), ("mail", 8, 2, 12)],
        ),
        ("ms<10 | count if (level=error app=mail) as n | let share = n / 4", [(1, 0.25)]),
        # A group without such lines has no number, and is there.
        (
            "ms<4 | count_distinct ms if (level=error) as n, p95 ms if (level=error) as p by app",
            [("mail", 1, 0.0), ("shop", 0, None)],
        ),
        (
            "nosuch | count, count if (level=error) as errors, avg ms if (level=error)",
            [(0, 0, None)],
        ),
        (
            r'| extract "ms=<n>" | count, count if (n>20) as some by level',
            [("info", 18, 3), ("error", 6, 0)],
        ),
        # A group of an expression in the condition is a field, too.
        (r"| max tens if (/ms=(?P<tens>\d)\d/) as tens", [(2,)]),
    ],
)
def test_a_condition_chooses_the_lines_of_its_figure(store, query, rows):
    assert table(store, query) == rows


def test_fields_are_said_to_be_missing_only_if_no_figure_has_them(store):
    with view_of(store) as view:
        found = ask(
            view, "| avg ms, avg ms if (nosuch=1) as b, avg x if (ms>3) as c by app", Scope()
        )
        assert (found.without, found.absent) == (("x",), ())
        found = ask(view, "| count, count if (nosuch=1) as b by app", Scope())
        assert (found.without, found.absent) == ((), ())


def test_all_figures_are_of_the_same_lines_while_others_come(tmp_path):
    store = make_store(tmp_path / "logs", [lines(MESSAGES[:8]), lines(MESSAGES[8:], 8)])

    def with_new_lines(*asked: Any) -> Any:
        done = add_up(*asked)
        with (store / "current.log").open("ab") as file:
            file.write(line("level=error app=shop ms=1", 100))
        return done

    with patch.object(group_table, "add_up", with_new_lines):
        assert table(store, "| count, count if (ms>=0) as same") == [(24, 24)]


def test_all_figures_are_of_the_same_lines_of_several_stores(tmp_path):
    names = [str(make_store(tmp_path / one, [lines(MESSAGES)])) for one in ("a", "b")]

    def with_new_lines(*asked: Any) -> Any:
        done = add_up(*asked)
        for one in names:
            with (Path(one) / "current.log").open("ab") as file:
                file.write(line("level=error app=shop ms=1", 100))
        return done

    def open_view(name: str) -> View:
        return View(name, pytest.fail, away=True)

    with (
        patch.object(group_table, "add_up", with_new_lines),
        StoresView(names, open_view, pytest.fail) as view,
    ):
        assert ask(view, "| count, count if (ms>=0) as same", Scope()).rows == [(48, 48)]


def scope(since: float | None = None, until: float | None = None) -> Scope:
    begin, end = ("" if one is None else rfc3339(BEGIN + one) for one in (since, until))
    return Scope(begin, end)


@pytest.mark.parametrize(
    ("query", "limits", "now", "rows"),
    [
        # Without limits from the first line to the last one.
        ("| rate", scope(), 1000, [(24 / 23,)]),
        ("| rate 1m, count", scope(0, 12), 1000, [(60.0, 12)]),
        # Until now, if no end is given.
        ("| rate", scope(0), 48, [(0.5,)]),
        ("| rate", scope(0, 96), 48, [(0.5,)]),
        (
            "| rate if (level=error) as r by app",
            scope(0, 24),
            1000,
            [("shop", 4 / 24), ("mail", 2 / 24)],
        ),
        # Whole steps; one that a limit cuts, and one that is not over, count as far as they go.
        ("| rate every 10s", scope(), 1000, [(1.0,), (1.0,), (0.4,)]),
        ("| rate every 10s", scope(5), 1000, [(1.0,), (1.0,), (0.4,)]),
        ("| rate every 10s", scope(), 25, [(1.0,), (1.0,), (0.8,)]),
        ("| rate every 10s", scope(0, 22), 1000, [(1.0,), (1.0,), (1.0,)]),
        # Of less than a second nothing can be said.
        ("| rate every 10s", scope(), 20.01, [(1.0,), (1.0,), (4.0,)]),
        ("nosuch | rate", scope(), 1000, [(0.0,)]),
        (
            "| rate as r compare 1h | let twice = r * 2",
            scope(0, 24),
            1000,
            [(1.0, None, None, 2.0, None, None)],
        ),
    ],
)
def test_a_rate_is_of_the_time_that_was_counted(store, query, limits, now, rows):
    with patch("logsrv.linelog.read.figures.compared_groups.time.time", lambda: BEGIN + now):
        found = table(store, query, limits)
    if "every" in query:
        found = [row[1:] for row in found]
    assert found == [
        tuple(pytest.approx(cell) if isinstance(cell, float) else cell for cell in row)
        for row in rows
    ]


def test_lines_without_a_time_have_no_rate_by_steps(tmp_path):
    store = make_store(tmp_path / "logs", [[*lines(MESSAGES[:2]), b"no time\n"]])
    with patch("logsrv.linelog.read.figures.compared_groups.time.time", lambda: BEGIN + 100):
        assert table(store, "| rate, count every 1m") == [
            (rfc3339(BEGIN), pytest.approx(2 / 60), 2),
            (None, None, 1),
        ]
