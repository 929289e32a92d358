"""The lag of a target: the text of the store that it does not have yet, in bytes, in lines and in time."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import attrs

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.read.texts import DamagedSegment, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Form, Position
from logsrv.linelog.store.times import time_of

COUNTED = 1 << 20
"""The bytes of a segment in which lines are counted if no index has their number; more is estimated."""


class ShipLag(NamedTuple):
    """The size of the text that a target does not have yet.

    seconds: the age of its first line; 0.0 without lines, or if the age is unknown.
    """

    bytes: int
    lines: int
    seconds: float


class SegmentRest(NamedTuple):
    """The text of a segment after a place: its size in bytes, and its number of lines."""

    size: int
    lines: int


@attrs.define(eq=False)
class LagMeter:
    """A meter of lags in one store. It keeps the figures of complete segments, so it can be used often."""

    _view: View
    _known: dict[Position, SegmentRest] = attrs.field(init=False, factory=dict)
    _first: tuple[Position, float | None] | None = attrs.field(init=False, default=None)

    def measure(self, position: Position, now: float, *, only_sealed: bool = False) -> ShipLag:
        """Return the lag of a target at a position. now: seconds since 1970.

        only_sealed: whether to leave out the active segment, because the target takes only sealed ones.
        Raises OSError and StoreError.
        """
        self._view.refresh_if_rotated()
        self._known = {place: rest for place, rest in self._known.items() if place >= position}
        size = lines = 0
        first: Position | None = None
        for segment in self._view.segments:
            if segment.number < position.segment or (only_sealed and segment.form is Form.ACTIVE):
                continue
            place = max(position, Position(segment.number, 0))
            rest = self._known.get(place)
            if rest is None:
                rest = self._measure_rest(place)
                if segment.form is not Form.ACTIVE:
                    self._known[place] = rest
            if rest.size and first is None:
                first = place
            size, lines = size + rest.size, lines + rest.lines
        return ShipLag(size, lines, 0.0 if first is None else self._line_age(first, now))

    def _measure_rest(self, place: Position) -> SegmentRest:
        head = self._view.index_head(place.segment) if place.offset == 0 else None
        if head is not None:
            return SegmentRest(head.text, head.lines)
        frames = self._view.open_segment(place.segment)
        if frames is None:
            return SegmentRest(0, 0)
        with frames:
            return _count_rest(frames, place.offset)

    def _line_age(self, place: Position, now: float) -> float:
        if self._first is None or self._first[0] != place:
            self._first = place, self._line_time(place)
        received = self._first[1]
        return 0.0 if received is None else max(0.0, now - received)

    def _line_time(self, place: Position) -> float | None:
        """Return the time of the line at a place in seconds since 1970; None if it is unknown."""
        frames = self._view.open_segment(place.segment)
        if frames is None:
            return None
        with frames, suppress(DamagedSegment):
            for _, text in frames.lines_between(place.offset, place.offset + 1):
                found = time_of(text)
                return None if found is None else parse_rfc3339(found)
        return None


def _count_rest(frames: SegmentFrames, offset: int) -> SegmentRest:
    """Return size and lines of the text after an offset; above COUNTED bytes the lines are estimated."""
    size = max(0, frames.size - offset)
    counted = lines = 0
    with suppress(DamagedSegment):
        for _, text in frames.lines_between(offset, min(offset + COUNTED, frames.size)):
            counted += len(text)
            lines += text.count(b"\n")
    return SegmentRest(size, round(lines * size / counted) if counted else 0)
