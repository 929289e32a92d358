"""Lines by position: a line, those before it and those behind it, across frames and segments."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice

from logsrv.linelog.read.search import Hit
from logsrv.linelog.read.texts import Damaged, Frames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position

# Frames kept unpacked: neighbours of one hit are mostly those of the next.
_KEPT = 4


class StoredLines:
    """The lines of a store that is open, by their places."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._frames: OrderedDict[int, Frames | None] = OrderedDict()
        self._kept: OrderedDict[tuple[int, int], list[tuple[int, bytes]]] = OrderedDict()

    def close(self) -> None:
        while self._frames:
            self._close_oldest()

    def _close_oldest(self) -> None:
        frames = self._frames.popitem(last=False)[1]
        if frames is not None:
            frames.close()

    def line(self, position: Position) -> Hit | None:
        """Return the line that begins there; None if none does."""
        for hit in self.forward(position):
            return hit if hit.position == position else None
        return None

    def around(self, hit: Hit, before: int, after: int) -> list[Hit]:
        """Return a line with at most so many before and after it, in the order of the store."""
        behind = Position(hit.position.segment, hit.position.offset + 1)
        return [
            *reversed(list(islice(self.backward(hit.position), before))),
            hit,
            *islice(self.forward(behind), after),
        ]

    def forward(self, start: Position) -> Iterator[Hit]:
        """Yield the lines that begin at `start` and behind it, in order."""
        numbers = [one.number for one in self._view.segments if one.number >= start.segment]
        for number, frames in self._each(numbers):
            first = frames.at(start.offset) if number == start.segment else 0
            for frame in range(first, frames.count):
                lines = self._lines(frames, frame)
                place = bisect_left(lines, (start.offset,)) if number == start.segment else 0
                for offset, line in lines[place:]:
                    yield Hit(Position(number, offset), line)

    def backward(self, start: Position) -> Iterator[Hit]:
        """Yield the lines that begin before `start`, the nearest first."""
        numbers = [one.number for one in self._view.segments if one.number <= start.segment]
        for number, frames in self._each(numbers[::-1]):
            last = frames.count - 1
            if number == start.segment:
                last = min(last, frames.at(start.offset))
            for frame in range(last, -1, -1):
                lines = self._lines(frames, frame)
                if number == start.segment:
                    lines = lines[: bisect_left(lines, (start.offset,))]
                for offset, line in reversed(lines):
                    yield Hit(Position(number, offset), line)

    def _each(self, numbers: list[int]) -> Iterator[tuple[int, Frames]]:
        """Yield each segment that can be opened."""
        for number in numbers:
            if number not in self._frames:
                while len(self._frames) >= _KEPT:
                    self._close_oldest()
                self._frames[number] = self._view.open(number)
            frames = self._frames[number]
            if frames is not None:
                yield number, frames

    def _lines(self, frames: Frames, frame: int) -> list[tuple[int, bytes]]:
        """Return the lines of a frame with their places in the text."""
        key = frames.number, frame
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found: list[tuple[int, bytes]] = []
        try:
            for offset, text in frames.between(*frames.bounds(frame)):
                for line in text.removesuffix(b"\n").split(b"\n"):
                    found.append((offset, line))
                    offset += len(line) + 1
        except (Damaged, OSError) as error:
            self._view.tell(str(error))
        self._kept[key] = found
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found
