"""Lines over time are counted as if one looked at each of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from logsrv.errors import LogsrvError
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import compile
from logsrv.linelog.read.counting import histogram as counts
from logsrv.linelog.read.counting.histogram import histogram, sensible_step
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from tests.linelog.read.stores import BEGIN, line, make_store, view_of


def test_steps_that_nobody_can_look_at(whole: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MANY", 1000)
    with pytest.raises(LogsrvError, match="in more than 1,000 steps of 1 s; take longer steps"):
        histogram(whole, 1, levels=False)


def test_histogram(whole: Search) -> None:
    found = histogram(whole, 3600, levels=True)
    wanted: Counter[float] = Counter((BEGIN + number) // 3600 * 3600 for number in range(40_000))
    assert {one.start: one.lines for one in found} == wanted
    assert found[0].levels == {"info": 1200, "error": 1200, "warning": 1200}
    assert [one.start for one in found] == sorted(wanted)


def test_steps_shorter_than_a_second(tmp_path: Path) -> None:
    some = [line("x", number * 0.04) for number in range(100)]
    view = view_of(make_store(tmp_path / "logs", [some]))
    found = histogram(Search(view, compile(parse("")), Scope()), 0.1, levels=False)
    assert sum(one.lines for one in found) == 100
    assert len(found) == 40


def test_steps_that_end_within_a_second(tmp_path: Path) -> None:
    some = [line("x", number * 0.7) for number in range(100)]
    view = view_of(make_store(tmp_path / "logs", [some]))
    found = histogram(Search(view, compile(parse("")), Scope()), 1.5, levels=False)
    assert [one.lines for one in found[:5]] == [3, 2, 2, 2, 2]
    assert [one.start - BEGIN for one in found[:3]] == [0, 1.5, 3]


def test_steps_that_people_read() -> None:
    assert sensible_step(3600, 40) == 120
    assert sensible_step(86_400, 40) == 3600
    assert sensible_step(0.5, 40) == 0.1
    assert 20 < 1e12 / sensible_step(1e12, 40) <= 40
