"""The newest lines of a store, as much of them as live viewers can use: the rest is counted, not kept.

Each look has a bound, so a store that is written faster than it can be shown costs no more, and the writer
never notices.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from typing import NamedTuple

from logsrv.linelog.read.follow import Appended, Follower, end_of
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position

# Text of one look that is looked through, newest first; more than anybody reads. With many viewers looks
# are rarer: 10 MB a second, and at most so much at once.
KEPT = 512 << 10
MOST_KEPT = 4 << 20
# Text of one look whose lines are counted: 2 to 4 ms, and 160 MB/s at 20 looks a second.
COUNTED = 8 << 20
# Pieces in which a look is looked through.
PIECE = 32 << 10
# Text that is looked through for one viewer at a time: with its events it is in the daemon's memory.
STEP = 8 << 10


class Look(NamedTuple):
    """The lines since the last look: pieces of text in order, and how many lines before them are left out.

    lines: how many each piece has. gone: lines before these are no longer in the store, nobody knows how
    many.
    """

    pieces: list[Appended]
    lines: list[int]
    missed: int
    gone: bool


class Live:
    """A place in a store that keeps up with its end."""

    def __init__(self, view: View, position: Position) -> None:
        self._view = view
        self._follower = Follower(view, position)

    @property
    def position(self) -> Position:
        """The place up to which all was looked at."""
        return self._follower.position

    def close(self) -> None:
        self._follower.close()

    def step(self, until: Position) -> Appended | None:
        """Return the next lines before `until`, some; None when there are none. Raises StoreError.

        until: where a line begins. Where retention has removed the lines before it, it is passed.
        """
        return self._follower.read(STEP, until=until)

    def look(self, until: Position | None = None, kept: int = 0) -> Look:
        """Return what was written since the last look, up to `until` if that is given. Raises StoreError.

        kept: bytes that may be looked through; KEPT if that is more.
        """
        most = min(max(kept, KEPT), MOST_KEPT)
        pieces: deque[Appended] = deque()
        size = read = missed = 0
        gone = skipped = False
        end = until
        while news := self._follower.read(PIECE, until=end):
            pieces.append(news)
            gone = gone or news.gap
            size += len(news.text)
            read += len(news.text)
            while size - len(pieces[0].text) >= most:
                old = pieces.popleft().text
                size -= len(old)
                missed += old.count(b"\n")
            if read >= COUNTED and not skipped:
                skipped = True
                end = until or end_of(self._view)
                if passed := self._skip(end):
                    # Lines before the gap would look as if they stood behind it.
                    missed += sum(piece.text.count(b"\n") for piece in pieces)
                    # The length of a line is that of the lines just counted.
                    missed += max(1, passed * missed // read)
                    pieces.clear()
                    size = 0
        lines = [piece.text.count(b"\n") for piece in pieces]
        return Look(list(pieces), lines, missed, gone)

    def _skip(self, end: Position) -> int:
        """Go on to the last lines before `end`; return how many bytes are passed over."""
        begin = Position(end.segment, _line_before(self._view, end))
        passed = size_between(self._view, self.position, begin)
        if passed <= 0:
            return 0
        self._follower.close()
        self._follower = Follower(self._view, begin)
        return passed


def _line_before(view: View, end: Position) -> int:
    """Return where a line begins that has KEPT bytes, or few less, from there up to `end`."""
    frames = view.open(end.segment)
    if frames is None:
        return end.offset
    with closing(frames):
        return next((at for at, _ in frames.between(end.offset - KEPT, end.offset)), end.offset)


def size_between(view: View, start: Position, end: Position) -> int:
    """Return how many bytes of text there are from `start` to `end`."""
    size = end.offset - start.offset
    for segment in view.segments:
        if start.segment <= segment.number < end.segment and (frames := view.open(segment.number)):
            size += frames.size
            frames.close()
    return size
