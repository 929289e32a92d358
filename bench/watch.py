"""Watching a file grow: its size over time, its number of lines, and the delays of marked lines."""

from __future__ import annotations

import mmap
import os
import re
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import attrs

POLL_SECONDS = 0.001
SETTLE_SECONDS = 0.2
READ = 1 << 22
MARK = re.compile(rb"@sent=(\d{20})[^\n]*\n")


@attrs.define(frozen=True, slots=True)
class Delays:
    """The seconds between the `send` of each marked line and its appearance in the file, sorted."""

    seconds: tuple[float, ...] = ()

    def quantile(self, share: float) -> float:
        """Return the delay that `share` (0 to 1) of the lines did not exceed; 0.0 without lines."""
        if not self.seconds:
            return 0.0
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


class Growth:
    """The size of one file over time, to the millisecond, and the lines in it.

    `look` costs one `stat`. The contents are read only when the file no longer grows, so that reading does
    not compete with the measured server.
    """

    def __init__(self, path: Path) -> None:
        self.lines = 0
        self._path = path
        self._counted = 0
        self._times: list[float] = []
        self._sizes: list[int] = []

    @property
    def last_change(self) -> float:
        """Return the monotonic time at which the file was first seen at its present size; 0.0 if empty."""
        return self._times[-1] if self._times else 0.0

    @property
    def seconds(self) -> float:
        """Return the seconds from the first bytes to the last."""
        return self._times[-1] - self._times[0] if self._times else 0.0

    def look(self) -> None:
        """Record the file's size now, if it has changed."""
        try:
            size = os.stat(self._path).st_size
        except FileNotFoundError:
            return
        if size and (not self._sizes or size != self._sizes[-1]):
            self._times.append(time.monotonic())
            self._sizes.append(size)

    def count(self) -> int:
        """Count the lines added since the last call; return the number of all lines."""
        if self._sizes and self._counted < self._sizes[-1]:
            with open(self._path, "rb", buffering=0) as file:
                file.seek(self._counted)
                while chunk := file.read(READ):
                    self.lines += chunk.count(b"\n")
                    self._counted += len(chunk)
        return self.lines

    def delays(self) -> Delays:
        """Return the delay of each marked line in the file, from its sending to its appearance."""
        if not self._sizes:
            return Delays()
        with (
            open(self._path, "rb") as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as text,
        ):
            found = [
                self._seen(mark.end()) - int(mark.group(1)) / 1e9 for mark in MARK.finditer(text)
            ]
        return Delays(tuple(sorted(found)))

    def _seen(self, offset: int) -> float:
        """Return the time at which the file first had `offset` bytes."""
        return self._times[min(bisect_left(self._sizes, offset), len(self._times) - 1)]


def follow(growth: Growth, expected: Callable[[], int | None], patience: float) -> None:
    """Watch until the file has `expected()` lines, or has not grown for `patience` seconds.

    expected: returns None as long as the number is unknown; `patience` counts only after that.
    """
    known_since = time.monotonic()
    while True:
        growth.look()
        now = time.monotonic()
        quiet = now - max(growth.last_change, known_since)
        lines = expected()
        if lines is None:
            known_since = now
        else:
            is_complete = now - growth.last_change > SETTLE_SECONDS and growth.count() >= lines
            if is_complete or quiet > patience:
                return
        time.sleep(POLL_SECONDS)
