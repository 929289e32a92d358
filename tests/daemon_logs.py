"""Logs of daemons that tests start: nothing is left open, and no error is there that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from logsrv.kit.testing.process import complaints

# How they are named, in a test's own directory.
DAEMON_LOGS = "*twistd.log"


def check_log(path: Path, asked: Iterable[str] = ()) -> None:
    """Raise AssertionError for a log that is not in good order."""
    text = path.read_text("utf-8", "backslashreplace")
    assert "ResourceWarning" not in text, text[-8000:]
    found = complaints(text, asked)
    assert not found, f"{len(found)} errors in {path.name}, the first:\n{found[0][:8000]}"
