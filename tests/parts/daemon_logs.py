"""Checks of the logs of daemons that tests start: nothing was left open, no unexpected error was logged."""

from collections.abc import Iterable
from pathlib import Path

from bench.complaints import complaints

# The names of the logs, in the directory of a test.
DAEMON_LOGS = "*twistd.log"


def check_log(path: Path, asked: Iterable[str] = ()) -> None:
    """Raise AssertionError for a log that is not in good order."""
    text = path.read_text("utf-8", "backslashreplace")
    assert "ResourceWarning" not in text, text[-8000:]
    found = complaints(text, asked)
    assert not found, f"{len(found)} errors in {path.name}, the first:\n{found[0][:8000]}"
