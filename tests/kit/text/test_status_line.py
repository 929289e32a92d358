"""The line that is replaced: on a terminal only, and never longer than one."""

import io
import os

from logsrv.kit.text.status_line import StatusLine
from tests.parts.terminals import Terminal


def test_nothing_is_written_but_to_a_terminal():
    stream = io.StringIO()
    line = StatusLine(stream, lambda: 0.0)
    line.show("x")
    line.clear()
    assert not line.wanted and stream.getvalue() == ""


def test_each_text_replaces_the_last_and_the_end_clears_it():
    line = StatusLine(stream := Terminal(), lambda: 0.0)
    line.show("first")
    line.show("next")
    line.clear()
    line.clear()
    assert stream.getvalue() == "\rfirst\x1b[K\rnext\x1b[K\r\x1b[K"


def test_a_long_text_is_cut(monkeypatch):
    """One that goes on in the next row would stay there."""
    line = StatusLine(stream := Terminal(), lambda: 0.0)
    monkeypatch.setattr(stream, "fileno", lambda: 2)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((10, 24)))
    line.show("0123456789")
    assert stream.getvalue() == "\r012345678\x1b[K"


def test_it_is_due_a_few_times_a_second_and_never_without_a_terminal():
    now = [5.0]
    line, nowhere = (StatusLine(one, lambda: now[0], 0.5) for one in (Terminal(), io.StringIO()))
    assert not line.due
    now[0] += 0.5
    assert line.due and not nowhere.due
    line.show("x")
    assert not line.due and line.seconds == 0.5
