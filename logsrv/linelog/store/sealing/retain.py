"""Retention: which sealed segments are too many, or too old by a time of day that can be believed.

What is removed does not come back, so a clock that jumps is not believed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import attrs

from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.policy import DAY, StorePolicy
from logsrv.linelog.store.segments.segment import (
    ACTIVE,
    Form,
    Segment,
    keep_number,
    sealed_segments,
)


@attrs.frozen
class Held:
    """A sealed segment, the bytes all its files take, and when its last line was received."""

    segment: Segment
    size: int
    last: float


def expired(
    held: Sequence[Held], active_size: int, policy: StorePolicy, now: float, *, stuck: bool = False
) -> list[Held]:
    """Return the segments in `held` (oldest first) that the policy no longer wants; oldest first.

    Those that wait for compression will be smaller soon: `keep_bytes` neither counts nor removes them,
    unless the compression is `stuck`. Those that are empty wait for none.

    `active_size` counts towards `keep_bytes`, but the active segment itself is never removed. What
    was written while the clock was ahead of `now` is as old as what was written next.
    """
    lasts = [now]
    for one in reversed(held):
        lasts.append(one.last if one.last <= now else lasts[-1])
    counted = [stuck or not one.size or one.segment.form is Form.PACKED for one in held]
    total = active_size + sum(one.size for one, counts in zip(held, counted, strict=True) if counts)
    gone = []
    for one, last, counts in zip(held, reversed(lasts), counted, strict=False):
        too_much = counts and policy.keep_bytes is not None and total > policy.keep_bytes
        too_old = policy.keep_days is not None and now - last > policy.keep_days * DAY
        if not (too_much or too_old):
            break
        gone.append(one)
        total -= one.size if counts else 0
    return gone


def retain(disk: Disk, policy: StorePolicy, now: float, *, stuck: bool = False) -> list[Segment]:
    """Remove what the policy no longer wants; return what was removed. Raises OSError."""
    if policy.keep_bytes is None and policy.keep_days is None:
        return []
    held = [_look(segment, disk) for segment in sealed_segments(disk)]
    active_size = size_of(ACTIVE, disk)
    gone = [one.segment for one in expired(held, active_size, policy, now, stuck=stuck)]
    if not gone:
        return []
    # A number is used once: the file must know a higher one before the names of these are gone.
    active = keep_number(disk)
    removed = [segment for segment in gone if segment.number < active]
    for segment in removed:
        # The text first: an index without its segment is cleared away on start, not the reverse.
        for name in segment.files:
            disk.unlink(name)
    return removed


def measure(disk: Disk) -> tuple[int, int]:
    """Return how many sealed segments there are, and the bytes their files take. Raises OSError."""
    sizes = [_look(segment, disk).size for segment in sealed_segments(disk)]
    return len(sizes), sum(sizes)


def _look(segment: Segment, disk: Disk) -> Held:
    found = disk.stat(segment.name)
    size = found.st_size + sum(size_of(name, disk) for name in segment.files[1:])
    return Held(segment, size, last=found.st_mtime)


def size_of(name: str, disk: Disk) -> int:
    """Return how many bytes a file has; 0 if there is none. Raises OSError."""
    try:
        return disk.stat(name).st_size
    except FileNotFoundError:
        return 0


class Doubt(NamedTuple):
    """A clock that is not believed yet: it is `ahead` of the monotonic one `since` that was there."""

    ahead: float
    since: float


class BelievedTime:
    """The time of day, but for jumps that have not lasted.

    The rule: a clock that is more than a day away from where it should be by now is believed when
    that has lasted for a day of running. Until then the earlier of the two times counts.

    It begins with what was believed last; a start goes on from what the last run believed. So a server
    that was off for a month waits for a day before it removes by age, and so does one that starts
    with a wrong clock.
    """

    def __init__(self, time: float, monotonic: float) -> None:
        """Believe that it was `time` when the clock that never jumps was at `monotonic`."""
        self.doubted: Doubt | None = None
        self._ahead = time - monotonic

    def believe(self, time: float, monotonic: float) -> float:
        """Return the time of day to go by; `time` is what the clock says."""
        ahead = time - monotonic
        if abs(ahead - self._ahead) > DAY:
            if self.doubted is None or abs(ahead - self.doubted.ahead) > DAY:
                self.doubted = Doubt(ahead, monotonic)
            if monotonic - self.doubted.since < DAY:
                return min(time, monotonic + self._ahead)
        self._ahead, self.doubted = ahead, None
        return time
