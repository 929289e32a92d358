"""The private parts of twistd and its log: its pipe to its parent, its observers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import globalLogPublisher

# The status of a daemonized twistd that has started; its parent reads no more than 100 bytes of any.
STARTED = b"0"
LONGEST_STATUS = 100


def start_failed(sentence: str) -> bytes:
    """The message of a daemonized twistd to its parent, which shows it and ends with status 1."""
    return f"1 {sentence}".encode("ascii", "backslashreplace")[:LONGEST_STATUS]


def take_status_pipe(options: Any) -> int | None:
    """Take the pipe to its parent from a daemonized twistd, whose parsed options these are.

    It would say that all is well as soon as it has called startService. None where nobody waits.
    """
    pipe: int | None = options.pop("statusPipe", None) if isinstance(options, dict) else None
    return pipe


def wrap_log_observers(wrap: Callable[[Any], Any]) -> None:
    """Put `wrap(observer)` in the place of each observer of the log that there is.

    A publisher tells nobody who its observers are, and twistd's are made before us.
    """
    observers = globalLogPublisher._observers
    observers[:] = [wrap(observer) for observer in observers]
