"""The lines of one store that a follower of several has read ahead, and those that it returns next.

The follower (stores_follow.py) plans some lines of each store, until these are enough. Then it takes the
planned lines that come before all other lines of the stores.
"""

from __future__ import annotations

from collections import deque

import attrs

from logsrv.linelog.read.follow import AppendedLines, Follower
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.times import SHAPE, SIZE, digits_to_zeros


@attrs.define(eq=False)
class LinesAhead:
    """Lines that were read, and returned up to `start`.

    latest: the time of day when they were read, as text: a later TIME is by a clock that was set back.
    """

    lines: AppendedLines
    latest: bytes
    start: int = 0

    @property
    def position(self) -> Position:
        """The position of the next line."""
        return self.lines.position.beside(self.start)

    @property
    def end(self) -> Position:
        """The position after the last line."""
        return self.lines.position.beside(len(self.lines.text))

    def size_before(self, until: Position | None) -> int:
        """Return the bytes of the text, or those before a position in it."""
        size = len(self.lines.text)
        if until is None or self.lines.position.segment < until.segment:
            return size
        if self.lines.position.segment > until.segment:
            return self.start
        return max(self.start, min(size, until.offset - self.lines.position.offset))

    def time_at(self, start: int) -> bytes:
        """Return the TIME of the line that begins there; "" if it has none."""
        return min(_time_at(self.lines.text, start), self.latest)

    def end_before(self, bound: bytes | None, end: int) -> int:
        """Return where the first line before `end` begins that is not before a time; `end` if none is."""
        if bound is None or self.latest < bound:
            return end
        if self.time_at(self.start) >= bound:
            return self.start
        return _end_before(self.lines.text, self.start, end, bound)

    def take(self, end: int) -> AppendedLines:
        """Return the lines up to `end`."""
        text = self.lines.text
        if self.start or end < len(text):
            text = text[self.start : end]
        taken = self.lines._replace(position=self.position, text=text)
        # A gap is told once.
        self.lines = self.lines.without_gap()
        self.start = end
        return taken


@attrs.define(eq=False)
class PlannedStore:
    """A store of a follower of several.

    pieces: lines that were read and not returned yet. returned_to: the end of the last returned line.
    planned: the end of the lines that may be returned next, as the number of their last piece and an offset
    in it. time: the TIME of the last of them. has_more: whether the store may have more lines.
    """

    number: int
    follower: Follower
    returned_to: Position
    pieces: deque[LinesAhead] = attrs.field(factory=deque)
    planned: tuple[int, int] = (0, 0)
    time: bytes = b""
    has_more: bool = True

    @property
    def position(self) -> Position:
        """The position of the next line."""
        return self.pieces[0].position if self.pieces else self.follower.position

    @property
    def first_time(self) -> bytes:
        """The TIME of the next line; "" if it has none: then it follows the line before it at once."""
        return self.pieces[0].time_at(self.pieces[0].start)

    def rank(self) -> tuple[bytes, int]:
        """Return the order of the next line among those of all stores."""
        return self.first_time, self.number

    @property
    def has_planned(self) -> bool:
        """True if there are lines that may be returned next."""
        return self.planned > (0, self.pieces[0].start if self.pieces else 0)

    def begin_plan(self, present: bytes) -> None:
        """Plan none of the lines yet. present: the time of day."""
        for piece in self.pieces:
            # A clock that was set back does not let these lines wait until it is as late again.
            piece.latest = min(piece.latest, present)
        self.planned = 0, self.pieces[0].start if self.pieces else 0
        self.time, self.has_more = b"", True

    def plan_more(self, size: int, most: int, until: Position | None, present: bytes) -> int:
        """Plan about `size` bytes more, at least a line; return their number: 0 if there are none now.

        most: bytes to read, if all lines that were read are planned. Raises StoreError.
        """
        self.has_more = False
        number, start = self.planned
        if number < len(self.pieces) and start >= len(self.pieces[number].lines.text):
            number, start = number + 1, 0
        if number == len(self.pieces):
            news = self.follower.read(most, until=until)
            if news is None:
                return 0
            self.pieces.append(LinesAhead(news, present))
        piece = self.pieces[number]
        text, end = piece.lines.text, piece.size_before(until)
        if start >= end:
            return 0
        if end - start > size:
            end = text.rfind(b"\n", start, start + size) + 1 or text.find(b"\n", start) + 1 or end
        self.planned = number, end
        # A line without a TIME is of that of the lines before it.
        self.time = piece.time_at(text.rfind(b"\n", start, end - 1) + 1) or self.time
        self.has_more = True
        return end - start

    def take_planned(self, bound: bytes | None) -> list[AppendedLines]:
        """Return the planned lines before a time, in as few texts as they can be in."""
        last, last_end = self.planned
        found: list[list[AppendedLines]] = []
        for number in range(last + 1):
            piece = self.pieces[0]
            end = piece.end_before(bound, last_end if number == last else len(piece.lines.text))
            if end > piece.start:
                news = piece.take(end)
                if found and _continues(found[-1][-1], news):
                    found[-1].append(news)
                else:
                    found.append([news])
            if end < len(piece.lines.text):
                break
            self.pieces.popleft()
        return [
            texts[0]._replace(text=b"".join([one.text for one in texts]))
            if len(texts) > 1
            else texts[0]
            for texts in found
        ]


def _continues(one: AppendedLines, after: AppendedLines) -> bool:
    """Return whether lines stand at the end of others, so that one text can have both."""
    return not after.has_gap and after.position == one.position.beside(len(one.text))


def _time_at(text: bytes, start: int) -> bytes:
    """Return the TIME of the line that begins there; "" if it has none."""
    time = text[start : start + SIZE]
    return time if digits_to_zeros(time) == SHAPE else b""


def _end_before(text: bytes, start: int, end: int, bound: bytes) -> int:
    """Return where the first line begins whose TIME is not before `bound`; at least one line is.

    The lines are those up to `end`, which is returned if all of them are.

    Lines are in the order of their TIMEs, but where a clock was set back. There it is some line.
    """
    low, high = start, text.rfind(b"\n", start, end - 1) + 1
    if high <= start or _time_at(text, high) < bound:
        return end
    while True:
        middle = (low + high) // 2
        line = text.rfind(b"\n", low, middle) + 1
        if line <= low:
            line = text.find(b"\n", middle) + 1
        if line >= high:
            return high
        if _time_at(text, line) < bound:
            low = line
        else:
            high = line
