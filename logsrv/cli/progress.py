"""A line on a terminal with the progress of a backup or of the doctor."""

from __future__ import annotations

import sys
import time

from logsrv.kit.text.status_line import StatusLine

_EVERY = 0.2


class CareProgress:
    """A line on a terminal with the progress: the current part, and the bytes read per second."""

    def __init__(self) -> None:
        self._line = StatusLine(sys.stderr, time.monotonic, _EVERY)
        self._bytes = 0
        self._what = ""

    def show_part(self, number: int, what: str, *, of: int = 0) -> None:
        """Show the current part. of: the number of parts; 0 if unknown."""
        self._what = f"{number} of {of}: {what}" if of else f"{number}: {what}"
        self._show_if_due()

    def count_bytes(self, size: int) -> None:
        """Count bytes that were read."""
        self._bytes += size
        self._show_if_due()

    def _show_if_due(self) -> None:
        if self._line.due:
            speed = self._bytes / max(self._line.seconds, 0.001) / 1e6
            self._line.show(
                f"{self._what}, {speed:.0f} MB/s compressed" if self._bytes else self._what
            )

    def close(self) -> None:
        """Remove the line."""
        self._line.clear()
