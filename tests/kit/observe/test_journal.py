"""Whether a stream goes to systemd's journal."""

import io
import os
import socket

from logsrv.kit.observe.journal import is_journal, start_failure_text


def test_the_stream_of_the_journal_is_recognised():
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("wb") as stream:
        found = os.fstat(ours.fileno())
        there = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert is_journal(stream, there)
        # It is inherited by programs whose output was sent elsewhere.
        assert not is_journal(theirs, there)
        assert not is_journal(stream, {})
        assert not is_journal(stream, {"JOURNAL_STREAM": "nonsense"})
        assert not is_journal(io.StringIO(), there)
        assert not is_journal(None, there)


def test_a_failed_start_is_told_plainly_outside_the_journal(monkeypatch):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert start_failure_text("greet: no moon") == "greet: no moon"


def test_a_failed_start_drives_no_terminal():
    """A path in a configuration may have anything in it."""
    assert start_failure_text("the store /\x1b[31m") == r"the store /\x1b[31m"
