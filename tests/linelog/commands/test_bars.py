"""Bars in a terminal."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

from logsrv.linelog.commands import bars
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.times import parse_steps
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from tests.parts.stores import line, make_store, view_of


def search_of(tmp_path: Path, *seconds: float) -> Search:
    some = [line("[error] no\x1b[2J" if second else "x", second) for second in seconds]
    return Search(view_of(make_store(tmp_path / "logs", [some])), make_matcher(parse("")), Scope())


def print_histogram(search: Search, every: str | None, output: str) -> bool:
    return bars.print_histogram(
        search,
        Namespace(every=every and parse_steps(every), output=output, local=False, no_pager=True),
    )


def test_bars_are_as_long_as_their_numbers(tmp_path, capsys):
    assert print_histogram(search_of(tmp_path, 0, 0, 0, 0, 1, 3), "1s", "text")
    shown = capsys.readouterr().out.splitlines()
    assert [one.split()[1] for one in shown] == ["4", "1", "0", "1"]
    lengths = [one.count("█") for one in shown]
    assert lengths[0] == 4 * lengths[1] > 0
    assert lengths[2] == 0


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        ("1.5s", ["06:00:00.000Z", "06:01:31.500Z"]),
        ("1.5ms", ["06:00:00.999000Z", "06:01:31.999500Z"]),
        ("1.5m", ["06:00:00Z", "06:01:30Z"]),
    ],
)
def test_labels_are_as_exact_as_the_step(tmp_path, capsys, step, shown):
    assert print_histogram(search_of(tmp_path, 1, 92), step, "text")
    lines = capsys.readouterr().out.splitlines()
    assert [lines[0].split()[0][11:], lines[-1].split()[0][11:]] == shown


@pytest.mark.parametrize("step", ["1s", "10ms", "1m", "1d"])
def test_bars_fit_a_phone(tmp_path, capsys, monkeypatch, step):
    for columns, shown in ((40, 40), (100, 100), (20, 38)):
        monkeypatch.setattr(bars, "terminal_columns", lambda _, columns=columns: columns)
        print_histogram(search_of(tmp_path, 0, 1, 1), step, "text")
        assert max(map(len, capsys.readouterr().out.splitlines())) <= shown


def test_a_long_silence_is_one_line(tmp_path, capsys):
    assert print_histogram(search_of(tmp_path, 0, 100_000), "1s", "text")
    assert [one.split()[0] for one in capsys.readouterr().out.splitlines()] == [
        "2026-11-20T06:00:00Z",
        "…",
        "2026-11-21T09:46:40Z",
    ]


def test_without_every_the_bars_fit(tmp_path, capsys):
    print_histogram(search_of(tmp_path, *range(0, 36_000, 60)), None, "text")
    shown = capsys.readouterr().out.splitlines()
    assert 10 <= len(shown) <= 45


def test_bars_as_json_have_levels(tmp_path, capsys):
    print_histogram(search_of(tmp_path, 0, 1, 61), "1m", "json")
    found = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert found[0] == {"time": "2026-11-20T06:00:00.000000Z", "count": 2, "levels": {"error": 1}}


def test_an_empty_store_prints_nothing(tmp_path, capsys):
    empty = Search(view_of(make_store(tmp_path / "logs", [[]])), make_matcher(parse("")), Scope())
    assert not print_histogram(empty, None, "text")
    assert capsys.readouterr().out == ""
