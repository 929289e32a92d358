"""A line on a terminal that says how far a search has come, when it takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from logsrv.linelog.read.plan import Stats
    from logsrv.linelog.read.view import View

_PATIENCE = 0.7
_EVERY = 0.1


class Reading(Protocol):
    """A search, or whatever else reads a store frame by frame."""

    on_frame: Callable[[], None] | None
    view: View

    @property
    def stats(self) -> Stats:
        """Numbers of what was read until now."""


@contextmanager
def progress(search: Reading, *, alone: bool) -> Iterator[None]:
    """Show on stderr what part of the store has been read.

    alone: nothing is written to stdout meanwhile; with lines it would not share a terminal.
    """
    if not sys.stderr.isatty() or (sys.stdout.isatty() and not alone):
        yield
        return
    begun = last = time.monotonic()
    shown = False

    def look() -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - begun > _PATIENCE and now - last > _EVERY:
            last, shown = now, True
            print(f"\r\x1b[K{_sentence(search, now - begun)}", end="", file=sys.stderr, flush=True)

    search.on_frame = look
    try:
        yield
    finally:
        search.on_frame = None
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _sentence(search: Reading, seconds: float) -> str:
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
