"""The process that counts a store for /api/stats. Each request is a directory, each answer its totals.

    python -P -m logsrv.linelog.http.statistics_child

It is a separate process because it takes time to list the store, after every change of a file name, and to
read the head of each index. It keeps its counts: a compressed segment is counted once, the active one from
the end of the last count on. This module imports no Twisted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

import attrs

from logsrv.errors import StoreError
from logsrv.kit.children.child_side import answer_messages, limit_reading_process, tell_service
from logsrv.linelog.read.texts import PackedFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Form, Position
from logsrv.linelog.store.times import NONE, Times, combine_times, times_of

_PIECE = 256 << 10


@attrs.frozen
class _Totals:
    """The totals of segments that are there; of an active one, of the first `size` bytes of its text."""

    segments: int = 0
    lines: int = 0
    size: int = 0
    compressed: int = 0
    times: Times = NONE

    def plus(self, others: Iterable[_Totals]) -> _Totals:
        """Return the totals with those of further segments added."""
        added = [self, *others]
        return _Totals(
            sum(one.segments for one in added),
            sum(one.lines for one in added),
            sum(one.size for one in added),
            sum(one.compressed for one in added),
            combine_times([one.times for one in added]),
        )


_NOTHING = _Totals()


class StoreTotals:
    """The totals of one store."""

    def __init__(self) -> None:
        self._counted: dict[int, _Totals] = {}
        # The sum of the compressed segments in `_segments`, and the numbers of the others there.
        self._packed, self._open = _NOTHING, [0]
        self._segments: object = None

    def stats_answer(self, view: View) -> dict[str, Any]:
        """Return the answer of /api/stats."""
        if self._segments is not view.segments:
            self._count_packed(view)
        sums = self._packed.plus([self._totals_of(view, number) for number in self._open])
        last = self._open[-1]
        return {
            "segments": sums.segments,
            "lines": sums.lines,
            "bytes": sums.size,
            "compressed": sums.compressed,
            "oldest": sums.times.smallest,
            "newest": sums.times.largest,
            "position": str(Position(last, self._counted[last].size)),
        }

    def _count_packed(self, view: View) -> None:
        numbers = {one.number for one in view.segments}
        self._counted = {key: one for key, one in self._counted.items() if key in numbers}
        packed = [one.number for one in view.segments if one.form is Form.PACKED]
        self._open = [one.number for one in view.segments if one.form is not Form.PACKED]
        self._packed = _NOTHING.plus([self._totals_of(view, number) for number in packed])
        self._segments = view.segments

    def _totals_of(self, view: View, number: int) -> _Totals:
        """Return the totals of a segment, counted again unless it is compressed."""
        known = self._counted.get(number, _NOTHING)
        if not known.compressed:
            known = self._counted[number] = _count_segment(view, number, known)
        return known


def _count_segment(view: View, number: int, known: _Totals) -> _Totals:
    """Return the totals of a segment; _NOTHING if it was removed. known: the totals of the last count."""
    head = view.index_head(number)
    if head is not None and head.lines:
        return _Totals(1, head.lines, head.text, head.compressed, head.times)
    frames = view.open_segment(number)
    if frames is None:
        return _NOTHING
    with closing(frames):
        return _count_frames(frames, known)


def _count_frames(frames: SegmentFrames, known: _Totals) -> _Totals:
    if isinstance(frames, PackedFrames):
        index = frames.index
        # An index that `index_sound_frames` made has no line counts: use those of the last count.
        lines = index.lines or (known.lines if known.size == index.text else 0)
        times = (
            combine_times((index.times, known.times)) if known.size == index.text else index.times
        )
        return _Totals(1, lines, index.text, index.compressed, times)
    if frames.size < known.size:
        # The segment was truncated: count it anew.
        known = _NOTHING
    lines, times = known.lines, known.times
    for start in range(known.size, frames.size, _PIECE):
        for _, text in frames.lines_between(start, min(start + _PIECE, frames.size)):
            lines += text.count(b"\n")
            times = combine_times((times, times_of(text)))
    return _Totals(1, lines, frames.size, 0, times)


class StoreCounter:
    """The counter of a store, which keeps its counts between calls. tell: called for each damage."""

    def __init__(self, tell_service: Callable[[str], None]) -> None:
        self._directory = ""
        self._tell = tell_service
        self._view: View | None = None
        self._totals = StoreTotals()
        self._listed: object = None

    def count_as_json(self, directory: str) -> bytes:
        """Return the totals of a store as a line of JSON: an object with `error` if it cannot be read."""
        found: object
        try:
            found = self._totals.stats_answer(self._refreshed_view(directory))
        except StoreError as error:
            self._view = None
            found = {"error": str(error)}
        return json.dumps(found).encode() + b"\n"

    def _refreshed_view(self, directory: str) -> View:
        """Return the store with its present segments. Raises StoreError."""
        if self._view is None or directory != self._directory:
            self._view, self._totals, self._listed = (
                View(directory, self._tell),
                StoreTotals(),
                None,
            )
            self._directory = directory
        view = self._view
        if view.directory_removed:
            raise StoreError("the store was removed")
        changed = view.change_stamp
        if changed != self._listed:
            view.refresh()
            self._listed = changed
        return view


def main() -> int:
    """Answer requests until standard input ends; return the exit status."""
    limit_reading_process()
    counter = StoreCounter(tell_service)
    answer_messages(lambda directory: [counter.count_as_json(os.fsdecode(directory))])
    return 0


if __name__ == "__main__":
    sys.exit(main())
