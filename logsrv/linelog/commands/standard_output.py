"""Output of lines to stdout: in large pieces but without delay, and through a pager if they are many.

A pager is started if stdout is a terminal and there are more lines than it has. Leaving the pager ends the
command.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import subprocess

_PIECE = 1 << 16
# Seconds. A line waits for later ones: a line that comes more than this after the first waiting line makes
# all of them be written.
_LONGEST_WAIT = 0.05


class Output:
    """Standard output for lines. Raises BrokenPipeError if its reader has closed it."""

    def __init__(self, *, paged: bool) -> None:
        """paged: whether a pager may be started."""
        self._waiting: list[bytes] = []
        self._size = 0
        self._first = 0.0
        self._pager: subprocess.Popen[bytes] | None = None
        self._lines_left = 0
        self._file = sys.stdout.buffer
        is_terminal = sys.stdout.isatty() and sys.stdin.isatty()
        self._command = pager_command() if paged and is_terminal else []
        if self._command:
            # A terminal that does not know its size reports 0.
            self._lines_left = (os.get_terminal_size(sys.stdout.fileno()).lines or 24) - 2

    def write(self, data: bytes) -> None:
        """Write whole lines, now or with later ones."""
        now = time.monotonic()
        if not self._waiting:
            self._first = now
        self._waiting.append(data)
        self._size += len(data)
        if self._command and self._pager is None:
            # Buffer until it is known whether a pager is needed.
            self._lines_left -= data.count(b"\n")
            if self._lines_left >= 0:
                return
            self._pager = start_pager(self._command)
        if self._size >= _PIECE or now - self._first > _LONGEST_WAIT:
            self.flush()

    def flush(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        file = self._pager.stdin if self._pager is not None and self._pager.stdin else self._file
        file.write(data)
        file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None or issubclass(kind, KeyboardInterrupt):
                self.flush()
        finally:
            if self._pager is not None:
                # Close the pager's input, even if it no longer reads, and wait until it ends.
                self._pager.communicate()


def pager_command() -> list[str]:
    """Return the command of the pager: LOGSRV_PAGER, PAGER or, unless TERM is dumb, less; [] for none."""
    # Imported here: this and subprocess would take a tenth of the time of a search for a rare word.
    import shutil

    # A dumb terminal cannot move its cursor: less would wait for RETURN before it shows anything.
    usual = "less" if os.environ.get("TERM", "dumb") != "dumb" else ""
    wanted = os.environ.get("LOGSRV_PAGER", os.environ.get("PAGER", usual))
    try:
        command = shlex.split(wanted)
    except ValueError:
        return []
    if not command or command == ["cat"] or shutil.which(command[0]) is None:
        return []
    return command


def start_pager(command: list[str]) -> subprocess.Popen[bytes]:
    """Start the pager. Unless the user has set LESS, less shows colours, and ends after a single screen."""
    import subprocess  # Imported here, as `shutil` above.

    return subprocess.Popen(command, stdin=subprocess.PIPE, env={"LESS": "FRX", **os.environ})
