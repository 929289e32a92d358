"""Following a store: what is written from a position on, across rotation, sealing and retention.

Nothing is given twice, and nothing is left out that the store still has. `Follower.read` never waits:
its caller decides when to look again.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from operator import attrgetter
from typing import NamedTuple

from logsrv.linelog.read.texts import Damaged, Frames, PlainFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.removed import Missing
from logsrv.linelog.store.segments.segment import Position

LIMIT = 1 << 20
_number = attrgetter("number")


class Appended(NamedTuple):
    """Whole lines, and where they begin. missing: what is gone from the store before them."""

    position: Position
    text: bytes
    missing: Missing = Missing()

    @property
    def gap(self) -> bool:
        """True if lines before them are gone from the store."""
        return bool(self.missing)


class Follower:
    """A place in a store that moves on with what is written.

    position: where the next line begins. missing: what is gone from the store before it, as far as that was
    not given with lines.
    """

    def __init__(self, view: View, position: Position) -> None:
        self._view = view
        self.position = position
        self._frames: Frames | None = None
        self.missing = Missing()
        # A compressed segment is read by whole frames, which are given in pieces.
        self._frame = Appended(position, b"")

    @property
    def is_open(self) -> bool:
        """True if the segment of the place is open: it can be read also when it is removed."""
        return self._frames is not None

    def close(self) -> None:
        """Close the segment that is open."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def read(self, limit: int = LIMIT, *, until: Position | None = None) -> Appended | None:
        """Return the next lines, `limit` bytes at most or one that is longer; None when there are none now.

        until: where a line begins before which they end; None for what is at it or behind.

        A frame that is damaged is told to the view and passed over. Raises StoreError.
        """
        while True:
            frames = self._opened()
            if frames is None:
                return None
            # Looked at before the reading, so that nothing written until the segment ended is left unread.
            ended = not (isinstance(frames, PlainFrames) and self._view.is_active(frames.fd))
            room = _room(limit, self.position, until)
            if room <= 0:
                return None
            before = self.position
            text = self._lines(frames, room)
            if self.position != before:
                # Damage was passed over: from there on it is another room.
                continue
            if text:
                news = Appended(self.position, text, self.missing)
                self.missing = Missing()
                self.position = Position(self.position.segment, self.position.offset + len(text))
                return news
            if not ended:
                return None
            self.close()
            self.position = Position(self.position.segment + 1, 0)

    def _opened(self) -> Frames | None:
        if self._frames is not None:
            return self._frames
        # Lists the store when it has another active segment than at the last listing, and else not.
        self._view.renew()
        segments = self._view.segments
        for at in range(bisect_left(segments, self.position.segment, key=_number), len(segments)):
            segment = segments[at]
            frames = self._view.open(segment.number)
            if frames is not None:
                if segment.number != self.position.segment:
                    self.missing = self.missing.and_(self._lacks(segment.number))
                    self.position = Position(segment.number, 0)
                self._frames = frames
                self._frame = Appended(self.position, b"")
                return frames
        return None

    def _lacks(self, number: int) -> Missing:
        """Return what is gone from the store between the place and a segment behind it."""
        if self.position == Position(0, 0):
            return Missing()
        return self._view.missed(self.position, number)

    def _lines(self, frames: Frames, limit: int) -> bytes:
        if isinstance(frames, PlainFrames):
            return _whole_lines(frames.fd, self.position.offset, limit)
        text, start = self._frame.text, self.position.offset - self._frame.position.offset
        if start >= len(text):
            text, start = self._unpacked(frames), 0
            self._frame = Appended(self.position, text)
        end = text.rfind(b"\n", start, start + limit) + 1 or text.find(b"\n", start) + 1
        return text[start : end or len(text)]

    def _unpacked(self, frames: Frames) -> bytes:
        """Return the lines from the place to the end of its frame; of the next one if that is damaged."""
        frame = frames.at(self.position.offset)
        while frame < frames.count:
            stop = frames.bounds(frame)[1]
            try:
                found = list(frames.between(self.position.offset, stop))
            except Damaged as error:
                self._view.tell(str(error))
                self.missing = self.missing.and_(Missing(stop - self.position.offset))
                found = []
            # Asked for from the middle of a line on, it begins with the next, maybe in the next frame.
            self.position = Position(self.position.segment, found[0][0] if found else stop)
            if found:
                return b"".join([text for _, text in found])
            frame += 1
        return b""


def _room(limit: int, position: Position, until: Position | None) -> int:
    """Return how many bytes may be read from a position on."""
    if until is None or position.segment < until.segment:
        return limit
    return min(limit, until.offset - position.offset) if position.segment == until.segment else 0


def _whole_lines(fd: int, offset: int, limit: int) -> bytes:
    piece = os.pread(fd, limit, offset)
    end = piece.rfind(b"\n") + 1
    while not end and len(piece) == limit:
        limit *= 2
        piece = os.pread(fd, limit, offset)
        end = piece.find(b"\n") + 1
    return piece[:end]


def end_of(view: View) -> Position:
    """Return where the next line of the store will begin."""
    view.renew()
    for segment in reversed(view.segments):
        frames = view.open(segment.number)
        if frames is not None:
            with frames:
                return Position(segment.number, frames.size)
    return Position(0, 0)
