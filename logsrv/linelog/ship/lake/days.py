"""The days of a segment's lines, by their own times in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import O_RDONLY

import numpy

from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.read.texts import PackedFrames
from logsrv.linelog.store import index
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Segment

MOST_DAYS = 100
"""The most files of a segment. Lines of further days, which a wild clock gives, are in the first file."""
DATE = len("2026-11-20")
"""The length of a day in a TIME, and in the name of its folder."""
_DAY = 86_400_000_000


class SegmentDays:
    """An open segment whose text is read frame by frame.

    size, lines: the bytes and the lines of its text. first: the day in its name, that of its first line.
    others: the latest of the other days, which get a file each, in order.
    """

    def __init__(self, segment: Segment, frames: PackedFrames) -> None:
        """Raises OSError, and DamagedSegment."""
        self.size, self.lines = frames.size, frames.index.lines
        self.first = first_day(segment.name)
        self._frames = frames
        self._own = _number_of_day(self.first)
        # The days of the lines in each frame, as numbers since 1970.
        self._days = [self._days_of_frame(frame) for frame in range(frames.count)]
        others = sorted(set[int]().union(*self._days) - {self._own})[1 - MOST_DAYS :]
        self._others = {str(numpy.datetime64(day, "D")): day for day in others}
        self.others = list(self._others)

    def _days_of_frame(self, frame: int) -> set[int]:
        times = self._frames.times_of_frame(frame)
        if times.sure and times.smallest and times.largest:
            day = times.smallest[:DATE]
            if day == times.largest[:DATE]:
                return {_number_of_day(day)}
        texts = self._frames.lines_between(*self._frames.frame_bounds(frame))
        return {
            day for _, text in texts for day in self._days_of_lines(StampedLines(text)).tolist()
        }

    def _days_of_lines(self, stamps: StampedLines) -> Array:
        """Return the day of each line; the first day of the segment if the line has no time."""
        moments = stamps.moments()
        days: Array = numpy.where(moments == NO_TIME, self._own, moments // _DAY)
        return days

    def lines_of(self, day: str) -> Iterator[tuple[bytes, Array]]:
        """Yield the lines in the file of a day, in pieces, with the position of each line in the segment.

        Raises OSError and DamagedSegment.
        """
        elsewhere = {*self._others.values()}
        for frame, here in enumerate(self._days):
            wanted = {self._others[day]} if day in self._others else here - elsewhere
            if not here & wanted:
                continue
            for start, text in self._frames.lines_between(*self._frames.frame_bounds(frame)):
                stamps = StampedLines(text)
                if here == wanted:
                    yield text, stamps.starts + start
                    continue
                rows = numpy.flatnonzero(numpy.isin(self._days_of_lines(stamps), [*wanted]))
                if len(rows):
                    chosen = b"".join(stamps.line(row) + b"\n" for row in rows.tolist())
                    yield chosen, stamps.starts[rows] + start


@contextmanager
def open_segment_days(segment: Segment, disk: Disk) -> Iterator[SegmentDays]:
    """Open a sealed segment. Raises OSError, and ValueError if it is damaged."""
    found = index.load(segment, disk)
    path, fd = disk.path(segment.name), disk.open(segment.name, O_RDONLY)
    with PackedFrames(segment.number, path, fd, lambda: found) as frames:
        if frames.file_size != found.compressed:
            raise ValueError(
                f"it has {frames.file_size} bytes, and by its index {found.compressed}"
            )
        yield SegmentDays(segment, frames)


def first_day(name: str) -> str:
    """Return the day in the name of a segment."""
    digits = name.partition("-")[2]
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"


def _number_of_day(day: str) -> int:
    return int(numpy.datetime64(day, "D").astype(numpy.int64))
