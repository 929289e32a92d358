"""Watch a file grow: when it held what, how many lines it has, and how late marked lines came."""

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
    """How long marked lines took from `send` to being visible in the file, in seconds, sorted."""

    seconds: tuple[float, ...] = ()

    def quantile(self, share: float) -> float:
        """The delay that `share` (0 to 1) of the lines did not exceed; 0.0 if there were none."""
        if not self.seconds:
            return 0.0
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


class Growth:
    """The size of one file over time, to the millisecond, and the lines in it.

    Looking costs one `stat`; what the file holds is read when it is at rest, so that the reading
    does not compete with the server that is being measured.
    """

    def __init__(self, path: Path) -> None:
        self.lines = 0
        self._path = path
        self._counted = 0
        self._times: list[float] = []
        self._sizes: list[int] = []

    @property
    def last_change(self) -> float:
        """When the file was first seen at its present size, monotonic; 0.0 if it is empty."""
        return self._times[-1] if self._times else 0.0

    @property
    def seconds(self) -> float:
        """From the first bytes to the last."""
        return self._times[-1] - self._times[0] if self._times else 0.0

    def look(self) -> None:
        """Take note of the file's size now."""
        try:
            size = os.stat(self._path).st_size
        except FileNotFoundError:
            return
        if size and (not self._sizes or size != self._sizes[-1]):
            self._times.append(time.monotonic())
            self._sizes.append(size)

    def count(self) -> int:
        """Count what was added since the last time; the lines there are."""
        if self._sizes and self._counted < self._sizes[-1]:
            with open(self._path, "rb", buffering=0) as file:
                file.seek(self._counted)
                while chunk := file.read(READ):
                    self.lines += chunk.count(b"\n")
                    self._counted += len(chunk)
        return self.lines

    def delays(self) -> Delays:
        """The delay of each marked line in the file, from when it was sent to when it was seen."""
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
        """When the file first had `offset` bytes."""
        return self._times[min(bisect_left(self._sizes, offset), len(self._times) - 1)]


def follow(growth: Growth, expected: Callable[[], int | None], patience: float) -> None:
    """Watch until the file holds as many lines as `expected()` says (None: not known yet), or has
    not grown for `patience` seconds since that was known.
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
