"""A line on a terminal with the progress of a backup or of the doctor."""

from __future__ import annotations

import sys
import time

from logsrv.kit.text.terminal import StatusLine

_EVERY = 0.2


class CareProgress:
    """A line on a terminal with the current part."""

    def __init__(self) -> None:
        self._line = StatusLine(sys.stderr, time.monotonic, _EVERY)

    def show_part(self, number: int, what: str, *, of: int = 0) -> None:
        """Show the current part. of: the number of parts; 0 if unknown."""
        if self._line.due:
            self._line.show(f"{number} of {of}: {what}" if of else f"{number}: {what}")

    def close(self) -> None:
        """Remove the line."""
        self._line.clear()
