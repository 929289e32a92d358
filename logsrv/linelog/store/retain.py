"""Retention: which sealed segments are too many or too old."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.policy import DAY, StorePolicy
from logsrv.linelog.store.segment import (
    ACTIVE,
    NUMBER,
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
    unless the compression is `stuck`.

    `active_size` counts towards `keep_bytes`, but the active segment itself is never removed. What
    was written while the clock was ahead of `now` is as old as what was written next.
    """
    lasts = [now]
    for one in reversed(held):
        lasts.append(one.last if one.last <= now else lasts[-1])
    counted = [stuck or one.segment.form is Form.PACKED for one in held]
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
    others = _size(ACTIVE, disk) + _size(NUMBER, disk)
    gone = [one.segment for one in expired(held, others, policy, now, stuck=stuck)]
    if not gone:
        return []
    # A number is used once: the file must know a higher one before the names of these are gone.
    active = keep_number(disk)
    removed = [segment for segment in gone if segment.number < active]
    for segment in removed:
        # The text first: an index without its segment is cleared away on start, not the reverse.
        disk.unlink(segment.name)
        disk.unlink(segment.index)
    return removed


def _look(segment: Segment, disk: Disk) -> Held:
    found = disk.stat(segment.name)
    return Held(segment, found.st_size + _size(segment.index, disk), found.st_mtime)


def _size(name: str, disk: Disk) -> int:
    try:
        return disk.stat(name).st_size
    except FileNotFoundError:
        return 0
