"""Totals of a store: how much is in it, from when to when, where it ends.

A segment that is sealed stays as it is, and of the active one only what is new is counted: so a page
that asks every second costs next to nothing.
"""

from __future__ import annotations

from typing import Any

import attrs

from logsrv.linelog.read.texts import Frames, PackedFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

_PIECE = 256 << 10


@attrs.frozen
class _Counted:
    """What was counted in a segment up to `size`, in bytes of its text."""

    lines: int
    size: int
    compressed: int


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
                try:
                    known = _count(frames, known or _Counted(0, 0, 0))
                finally:
                    frames.close()
            counted[segment.number] = known
            position = Position(segment.number, known.size)
        self._counted = counted
        oldest, newest = view.span()
        return {
            "segments": len(counted),
            "lines": sum(one.lines for one in counted.values()),
            "bytes": sum(one.size for one in counted.values()),
            "compressed": sum(one.compressed for one in counted.values()),
            "oldest": oldest or None,
            "newest": newest or None,
            "position": str(position),
        }


def _count(frames: Frames, known: _Counted) -> _Counted:
    if isinstance(frames, PackedFrames):
        index = frames.index
        # An index that was lost, and made anew by a walk, has no lines.
        lines = index.lines or (known.lines if known.size == index.text else 0)
        return _Counted(lines, index.text, index.compressed)
    lines = known.lines
    for start in range(known.size, frames.size, _PIECE):
        for _, text in frames.between(start, min(start + _PIECE, frames.size)):
            lines += text.count(b"\n")
    return _Counted(lines, frames.size, 0)
