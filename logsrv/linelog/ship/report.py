"""Reports of a shipper about itself while it works."""

from __future__ import annotations

import attrs

from logsrv.linelog.store.segments.segment import Position


@attrs.frozen
class ShipReport:
    """A report of a shipper, of one of these kinds, with the figures that belong to it.

    acknowledged: the target has all up to `position`; `bytes` and `lines` of it were sent now, and the
        answer took `seconds`.
    passed: the segment before `position` has come to its end, and the target has all of it.
    retry: something failed, and is tried again in `seconds`. reason: a word for counters; why: a sentence.
    refused: the target will never take these `lines` of `bytes`; they are kept beside the place.
    gap: `bytes` in `lines` were gone from the store before they were sent; None if nobody knows how many.
    gone: so many `bytes` and `lines` in all were gone before they were sent; `missed` of these lines are
        what the target was to get next; None for nothing.
    kept: `position` is on the medium.
    resent: the target has lost `bytes` that it had acknowledged, and they are sent again; None as above.
    lost: the target has lost what is not here any more either; why: a sentence.
    released: the target was seen to have what is before `position`: that may be removed here.
    forgot: the target has nothing of this store any more; it goes on at `position`.
    up: the target takes lines; why: what it promises. down: it takes none any more.
    stopped: the shipper has come to an end by itself; why: a sentence that says what to do.
    trouble: a sentence that is of interest; the shipper goes on.
    """

    kind: str
    why: str = ""
    reason: str = ""
    position: Position | None = None
    bytes: int | None = 0
    lines: int = 0
    seconds: float = 0.0
    missed: int | None = None
