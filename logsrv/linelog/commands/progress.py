"""A line on a terminal with the progress of a search, of a backup or of the doctor."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol

from logsrv.kit.text.terminal import StatusLine
from logsrv.linelog.read.plan import SearchStats
from logsrv.linelog.read.view import View

_CARE_EVERY = 0.2


class CareProgress:
    """A line on a terminal with the current part."""

    def __init__(self) -> None:
        self._line = StatusLine(sys.stderr, time.monotonic, _CARE_EVERY)

    def show_part(self, number: int, what: str, *, of: int = 0) -> None:
        """Show the current part. of: the number of parts; 0 if unknown."""
        if self._line.due:
            self._line.show(f"{number} of {of}: {what}" if of else f"{number}: {what}")

    def close(self) -> None:
        """Remove the line."""
        self._line.clear()


class ReadingWithStats(Protocol):
    """A search, or another reader of a store, frame by frame."""

    on_frame: Callable[[], None] | None
    view: View

    @property
    def stats(self) -> SearchStats:
        """The counts of the reading so far."""


_PATIENCE = 0.7
_EVERY = 0.1


class ProgressLine:
    """The progress of a reading, shown on stderr while the context lasts.

    alone: whether nothing is written to stdout meanwhile. Otherwise the progress is shown only if stdout is
    no terminal.
    """

    def __init__(self, search: ReadingWithStats, *, alone: bool) -> None:
        self._search = search
        self._line = StatusLine(sys.stderr, time.monotonic, _EVERY)
        self._wanted = self._line.wanted and (alone or not sys.stdout.isatty())

    def __enter__(self) -> None:
        if self._wanted:
            self._search.on_frame = self._show_if_due

    def __exit__(self, *_: object) -> None:
        self._search.on_frame = None
        self._line.clear()

    def _show_if_due(self) -> None:
        if self._line.due and self._line.seconds > _PATIENCE:
            self._line.show(_progress_sentence(self._search, self._line.seconds))


def _progress_sentence(search: ReadingWithStats, seconds: float) -> str:
    stats = search.stats
    number = stats.segments + stats.skipped_segments
    every = max(1, len(search.view.segments))
    filled = round(20 * min(number, every) / every)
    bar = "█" * filled + "░" * (20 - filled)
    speed = stats.bytes / max(seconds, 0.001) / 1e6
    return (
        f"{bar} segment {min(number, every)} of {every}, {stats.skipped_frames} of "
        f"{stats.frames + stats.skipped_frames} frames skipped, {speed:.0f} MB/s compressed"
    )
