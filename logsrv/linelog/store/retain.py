"""Retention: which sealed segments are too many or too old."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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


def expired(held: Sequence[Held], active_size: int, policy: StorePolicy, now: float) -> list[Held]:
    """Which of the segments in `held` (oldest first) the policy no longer wants; oldest first.

    `active_size` counts towards `keep_bytes`, but the active segment itself is never removed.
    """
    total = active_size + sum(one.size for one in held)
    gone = []
    for one in held:
        too_much = policy.keep_bytes is not None and total > policy.keep_bytes
        too_old = policy.keep_days is not None and now - one.last > policy.keep_days * DAY
        if not (too_much or too_old):
            break
        gone.append(one)
        total -= one.size
    return gone


def retain(directory: Path, policy: StorePolicy, now: float, disk: Disk) -> list[Segment]:
    """Remove what the policy no longer wants; returns what was removed. Raises OSError."""
    if policy.keep_bytes is None and policy.keep_days is None:
        return []
    held = [_look(segment) for segment in sealed_segments(directory)]
    others = _size(directory / ACTIVE) + _size(directory / NUMBER)
    gone = [one.segment for one in expired(held, others, policy, now)]
    if not gone:
        return []
    # A number is used once: the file must know a higher one before the names of these are gone.
    active = keep_number(directory, disk)
    removed = [segment for segment in gone if segment.number < active]
    for segment in removed:
        # The text first: an index without its segment is cleared away on start, not the reverse.
        disk.unlink(segment.path)
        if segment.form is Form.PLAIN:
            disk.unlink(segment.packed)
        disk.unlink(segment.index)
    return removed


def _look(segment: Segment) -> Held:
    found = segment.path.stat()
    return Held(segment, found.st_size + _size(segment.index), found.st_mtime)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
