"""Reports of a shipper about its progress and its faults."""

from __future__ import annotations

import attrs

from logsrv.linelog.store.segment import Position


@attrs.frozen
class ShipReport:
    """A report of a shipper. kind: one of these words; the other fields depend on it.

    acknowledged: the target has everything up to `position`. This answer was for `bytes` and `lines`, and
        took `seconds`.
    passed: the segment before `position` has ended, and the target has all of it.
    retry: an attempt failed; the next one is in `seconds`. reason: a word for counters. why: a sentence.
    refused: the target will never take some `lines` with `bytes` bytes; they are kept in NAME.refused.
    gap: `bytes` in `lines` were removed from the store before they were sent. bytes: None if unknown.
    gone: the total of `bytes` and `lines` that were removed before they were sent. missed: the
        lines gone where the target needs the next: 0 if their number is unknown, None if there are none.
    kept: `position` is on the medium.
    resent: the target has lost `bytes` that it had acknowledged; they are sent again. bytes: None if
        unknown.
    lost: the target has lost text that the store does not have any more either. why: a sentence.
    lacking: readers of the target have passed over lines of this store. why: from which position to which;
        "" if they lack none any more.
    released: the target was found to have everything before `position`; retention may remove that.
    forgot: the target has nothing of this store any more; sending goes on at `position`.
    up: the target takes lines. why: its promise. down: it does not take lines any more.
    stopped: the shipper has ended by itself. why: a sentence that says what to do.
    trouble: a sentence for the operator; the shipper goes on.
    """

    kind: str
    why: str = ""
    reason: str = ""
    position: Position | None = None
    bytes: int | None = 0
    lines: int = 0
    seconds: float = 0.0
    missed: int | None = None
