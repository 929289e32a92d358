"""Totals of a store: how much is in it, from when to when, where it ends.

A compressed segment is counted once, and the active one only from where the last count ended: a page that
asks every second costs next to nothing, however many segments there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Any

import attrs

from logsrv.linelog.read.texts import Frames, PackedFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Form, Position
from logsrv.linelog.store.segments.times import NONE, UNKNOWN, Times, times_of, together

_PIECE = 256 << 10


@attrs.frozen
class _Counted:
    """The numbers of a segment up to `size`, in bytes of its text."""

    lines: int
    size: int
    compressed: int
    times: Times


_NOTHING = _Counted(0, 0, 0, NONE)
_GONE = _Counted(0, 0, 0, UNKNOWN)


@attrs.frozen
class _Sum:
    """The numbers of several segments."""

    segments: int = 0
    lines: int = 0
    size: int = 0
    compressed: int = 0
    times: Times = NONE

    def with_those(self, counted: Iterable[_Counted]) -> _Sum:
        """Return the sum with those added."""
        found = list(counted)
        return _Sum(
            self.segments + len(found),
            self.lines + sum(one.lines for one in found),
            self.size + sum(one.size for one in found),
            self.compressed + sum(one.compressed for one in found),
            together([self.times, *(one.times for one in found)]),
        )


class Totals:
    """The totals of one store."""

    def __init__(self) -> None:
        self._counted: dict[int, _Counted] = {}
        # Sums of the compressed segments and of the others; as long as the list of all is this one.
        self._packed, self._open = _Sum(), [0]
        self._segments: object = None

    def of(self, view: View) -> dict[str, Any]:
        """Return what /api/stats says."""
        if self._segments is not view.segments:
            self._look_at_all(view)
        counted = [self._look_at(view, number) for number in self._open]
        sums = self._packed.with_those(one for one in counted if one is not None)
        last = self._open[-1]
        known = self._counted.get(last)
        return {
            "segments": sums.segments,
            "lines": sums.lines,
            "bytes": sums.size,
            "compressed": sums.compressed,
            "oldest": sums.times.smallest,
            "newest": sums.times.largest,
            "position": str(Position(last, known.size) if known else Position(0, 0)),
        }

    def _look_at_all(self, view: View) -> None:
        numbers = {one.number for one in view.segments}
        self._counted = {key: one for key, one in self._counted.items() if key in numbers}
        packed = [one.number for one in view.segments if one.form is Form.PACKED]
        self._open = [one.number for one in view.segments if one.form is not Form.PACKED]
        found = [self._look_at(view, number) for number in packed]
        self._packed = _Sum().with_those(one for one in found if one is not None)
        self._segments = view.segments

    def _look_at(self, view: View, number: int) -> _Counted | None:
        """Return the numbers of a segment, as far as they are known already; None if it is gone."""
        known = self._counted.get(number)
        if known is None or not known.compressed:
            before = _NOTHING if known is None or known is _GONE else known
            known = self._counted[number] = _of(view, number, before)
        return known if known is not _GONE else None


def _of(view: View, number: int, known: _Counted) -> _Counted:
    """Return the numbers of a segment; `known` is how far it was counted."""
    head = view.head(number)
    if head is not None and head.lines:
        return _Counted(head.lines, head.text, head.compressed, head.times)
    frames = view.open(number)
    if frames is None:
        return _GONE
    with closing(frames):
        return _count(frames, known)


def _count(frames: Frames, known: _Counted) -> _Counted:
    if isinstance(frames, PackedFrames):
        index = frames.index
        # An index that was lost, and made anew by a walk, has no lines.
        lines = index.lines or (known.lines if known.size == index.text else 0)
        times = together((index.times, known.times)) if known.size == index.text else index.times
        return _Counted(lines, index.text, index.compressed, times)
    if frames.size < known.size:
        # It was cut.
        known = _NOTHING
    lines, times = known.lines, known.times
    for start in range(known.size, frames.size, _PIECE):
        for _, text in frames.between(start, min(start + _PIECE, frames.size)):
            lines += text.count(b"\n")
            times = together((times, times_of(text)))
    return _Counted(lines, frames.size, 0, times)
