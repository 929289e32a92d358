"""The line that says how far a search is, and what it must not disturb."""

import io
import sys
from pathlib import Path

import pytest

from logsrv.cli.reading import progress as module
from logsrv.cli.reading.progress import ProgressLine
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from tests.parts.stores import line, make_store, view_of
from tests.parts.terminals import Terminal


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    monkeypatch.setattr(module, "_PATIENCE", -1)
    monkeypatch.setattr(module, "_EVERY", -1)
    some = [line("x" * 5000, number) for number in range(1000)]
    return Search(
        view_of(make_store(tmp_path / "logs", [some, some[:1]])), make_matcher(parse("")), Scope()
    )


def test_a_terminal_sees_how_far_it_is(search, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with ProgressLine(search, alone=True):
        search.count()
    shown = terminal.getvalue()
    assert "of 2" in shown
    assert "frames skipped" in shown
    assert shown.endswith("\r\x1b[K")
    assert search.on_frame is None


@pytest.mark.parametrize("on_terminal", [True, False])
def test_lines_on_the_same_terminal_are_not_disturbed(search, monkeypatch, on_terminal):
    errors = Terminal() if on_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setattr(sys, "stdout", Terminal())
    with ProgressLine(search, alone=not on_terminal):
        search.count()
    assert errors.getvalue() == ""
