"""The line on a terminal that says how far it has come."""

import io
import sys
from pathlib import Path

import pytest

from logsrv.linelog.commands import progress as module
from logsrv.linelog.commands.progress import CareProgress, ProgressLine
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.figures.groups import count_lines
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from tests.parts.stores import line, make_store, view_of
from tests.parts.terminals import Terminal


def test_the_progress_names_the_part_and_is_removed(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("logsrv.linelog.commands.progress._CARE_EVERY", -1.0)
    progress = CareProgress()
    progress.show_part(3, "segment 7", of=9)
    assert "\r3 of 9: segment 7" in screen.getvalue()
    progress.close()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_without_a_terminal_there_is_no_progress(capfd):
    progress = CareProgress()
    progress.show_part(1, "segment 1")
    progress.close()
    assert capfd.readouterr().err == ""


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
        count_lines(search)
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
        count_lines(search)
    assert errors.getvalue() == ""
