"""Totals of a store: how much is in it, from when to when, where it ends.

A sealed segment is counted once, and the active one only from where the last count ended: a page that asks
every second costs next to nothing.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import attrs

from logsrv.linelog.read.texts import Frames, PackedFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position
from logsrv.linelog.store.segments.times import NONE, Times, times_of, together

_PIECE = 256 << 10


@attrs.frozen
class _Counted:
    """The numbers of a segment up to `size`, in bytes of its text."""

    lines: int
    size: int
    compressed: int
    times: Times


_NOTHING = _Counted(0, 0, 0, NONE)


class Totals:
    """The totals of one store. Not for two threads at once."""

    def __init__(self) -> None:
        self._counted: dict[int, _Counted] = {}

    def of(self, view: View) -> dict[str, Any]:
        """Return what /api/stats says."""
        counted: dict[int, _Counted] = {}
        position = Position(0, 0)
        for segment in view.segments:
            known = self._counted.get(segment.number)
            if known is None or not known.compressed:
                frames = view.open(segment.number)
                if frames is None:
                    continue
                with closing(frames):
                    known = _count(frames, known or _NOTHING)
            counted[segment.number] = known
            position = Position(segment.number, known.size)
        self._counted = counted
        times = together(one.times for one in counted.values())
        return {
            "segments": len(counted),
            "lines": sum(one.lines for one in counted.values()),
            "bytes": sum(one.size for one in counted.values()),
            "compressed": sum(one.compressed for one in counted.values()),
            "oldest": times.smallest,
            "newest": times.largest,
            "position": str(position),
        }


def _count(frames: Frames, known: _Counted) -> _Counted:
    if isinstance(frames, PackedFrames):
        index = frames.index
        # An index that was lost, and made anew by a walk, has no lines.
        lines = index.lines or (known.lines if known.size == index.text else 0)
        times = together((index.times, known.times)) if known.size == index.text else index.times
        return _Counted(lines, index.text, index.compressed, times)
    lines, times = known.lines, known.times
    for start in range(known.size, frames.size, _PIECE):
        for _, text in frames.between(start, min(start + _PIECE, frames.size)):
            lines += text.count(b"\n")
            times = together((times, times_of(text)))
    return _Counted(lines, frames.size, 0, times)
