"""The newest lines of a store, as many as live viewers can use. The others are only counted.

Each poll reads the lines that were written since the last one, and its work is limited. So viewing costs no
more, and does not slow down the writer, when lines are written faster than they can be shown.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from typing import NamedTuple

from logsrv.linelog.read.follow import AppendedLines, Follower, bytes_between, end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

# The most bytes of one poll's text that are searched, the newest: more than anybody reads. The lines before
# are only counted. With many viewers polls are rarer, and larger: 10 MB a second, at most MOST_KEPT a poll.
KEPT = 512 << 10
MOST_KEPT = 4 << 20
# The most bytes of one poll's text whose lines are counted; the number of further lines is estimated.
# Counting takes 2 to 4 ms; at 20 polls a second it is enough for 160 MB/s.
COUNTED = 8 << 20
# Bytes of text that a poll reads at a time.
PIECE = 32 << 10


class PolledLines(NamedTuple):
    """The lines written since the last poll, as pieces of text in order.

    lines: the number of lines in each piece. missed: the number of lines left out before the pieces.
    gone: whether an unknown number of lines is missing, because the store no longer has them.
    """

    pieces: list[AppendedLines]
    lines: list[int]
    missed: int
    gone: bool


class LiveReader:
    """A reader that keeps up with the end of a store."""

    def __init__(self, view: View, position: Position) -> None:
        self._view = view
        self._follower = Follower(view, position)

    @property
    def position(self) -> Position:
        """The position up to which it has read."""
        return self._follower.position

    def close(self) -> None:
        self._follower.close()

    def poll(self, until: Position | None = None, kept: int = 0) -> PolledLines:
        """Return the lines written since the last poll, up to `until` if it is given. Raises StoreError.

        kept: bytes of text to return; fewer than KEPT mean KEPT, and more than MOST_KEPT mean MOST_KEPT.
        """
        most = min(max(kept, KEPT), MOST_KEPT)
        pieces: deque[AppendedLines] = deque()
        size = read = missed = 0
        gone = skipped = False
        end = until
        while news := self._follower.read(PIECE, until=end):
            pieces.append(news)
            gone = gone or news.has_gap
            size += len(news.text)
            read += len(news.text)
            while size - len(pieces[0].text) >= most:
                old = pieces.popleft().text
                size -= len(old)
                missed += old.count(b"\n")
            if read >= COUNTED and not skipped:
                skipped = True
                end = until or end_of_store(self._view)
                if passed := self._skip_ahead(end):
                    # Drop the lines before the gap: viewers would see them after its message.
                    missed += sum(piece.text.count(b"\n") for piece in pieces)
                    # The number of skipped lines is estimated from the average length of those counted.
                    missed += max(1, passed * missed // read)
                    pieces.clear()
                    size = 0
        lines = [piece.text.count(b"\n") for piece in pieces]
        return PolledLines(list(pieces), lines, missed, gone)

    def _skip_ahead(self, end: Position) -> int:
        """Skip to the last KEPT bytes of lines before `end`; return the number of skipped bytes."""
        begin = Position(end.segment, _line_start_before(self._view, end))
        passed, _ = bytes_between(self._view, self.position, begin)
        if passed <= 0:
            return 0
        self._follower.close()
        self._follower = Follower(self._view, begin)
        return passed


def _line_start_before(view: View, end: Position) -> int:
    """Return the offset of the first line that begins at most KEPT bytes before `end`, else of `end`."""
    frames = view.open_segment(end.segment)
    if frames is None:
        return end.offset
    with closing(frames):
        return next(
            (at for at, _ in frames.lines_between(end.offset - KEPT, end.offset)), end.offset
        )
