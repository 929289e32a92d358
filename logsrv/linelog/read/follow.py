"""Following a store: lines written from a position on, across rotation, sealing and retention.

A follower returns each line that the store still has, exactly once. `Follower.read` never waits: the caller
decides when to try again.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.query.line_spans import all_line_spans
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.hits import Hit, has_many_continuations, hits_at
from logsrv.linelog.read.texts import DamagedSegment, PlainFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import Form, Position

LIMIT = 1 << 20
_TAIL = 4096
_number = attrgetter("number")


class AppendedLines(NamedTuple):
    """Whole lines, and the first one's position. missing: lines before it that the store no longer has.

    continuations: finds the first lines of records; None if there are none to be asked for.
    """

    position: Position
    text: bytes
    missing: MissingText = MissingText()
    continuations: Continuations | None = None

    def first_lines(self, is_asked: bool = True) -> FirstLines:
        """Return the first lines of the continuation lines; none if nobody asks for them."""
        if self.continuations is None or not is_asked:
            return NO_FIRST_LINES
        return self.continuations.first_lines(self.position, self.text)

    def hits(self, spans: Iterable[tuple[int, int]]) -> list[Hit]:
        """Return the lines at some offsets of the text."""
        found = [*spans]
        if self.continuations is not None and has_many_continuations(self.text, found):
            # Remembered for the lines: to ask for each of the first ones would take longer.
            self.continuations.first_lines(self.position, self.text)
        return list(hits_at(self.position, self.text, found, self.continuations))

    def all_hits(self) -> list[Hit]:
        """Return all lines."""
        return self.hits(all_line_spans(self.text))

    @property
    def has_gap(self) -> bool:
        """True if lines before these are missing from the store."""
        return bool(self.missing)

    def without_gap(self) -> AppendedLines:
        """Return the lines as if none were missing before them."""
        return self._replace(missing=MissingText())


class Follower:
    """A reader's position in a store, which advances with each read.

    position: the start of the next line. missing: lines before it that the store no longer has; the next
    `AppendedLines` reports them.
    """

    def __init__(self, view: View, position: Position) -> None:
        if view.only is not None:
            raise RuntimeError("a follower reads all lines, and its reader may see only some")
        self._view = view
        self._continuations = Continuations(view)
        self.position = position
        self._frames: SegmentFrames | None = None
        self.missing = MissingText()
        # The unpacked frame of a compressed segment, which is returned in pieces.
        self._frame = AppendedLines(position, b"")

    @property
    def is_segment_open(self) -> bool:
        """True if the current segment is open: then it can be read even after its removal."""
        return self._frames is not None

    def close(self) -> None:
        """Close the segment that is open."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def move_to(self, position: Position) -> None:
        """Go on at another position; forget what is missing before it."""
        if position.segment != self.position.segment:
            self.close()
        self.position, self.missing = position, MissingText()

    def skip(self, size: int) -> None:
        """Move the position past some bytes that no read returns; they count as missing."""
        self.missing = self.missing.plus(MissingText(size))
        self.position = self.position.beside(size)

    def read(self, limit: int = LIMIT, *, until: Position | None = None) -> AppendedLines | None:
        """Return the next lines: at most `limit` bytes, or one longer line. None if there are none now.

        until: the start of a line; lines from there on are not returned.

        A damaged frame is reported to the view and skipped. Raises StoreError.
        """
        while True:
            frames = self.open_segment()
            if frames is None:
                return None
            # Checked before reading: a line that was written just before the segment ended is then not
            # missed.
            ended = not (isinstance(frames, PlainFrames) and self._view.is_active_file(frames.fd))
            room = _readable_bytes(limit, self.position, until)
            if room <= 0:
                return None
            before = self.position
            text = self._read_lines(frames, room)
            if self.position != before:
                # Damage was skipped, so fewer bytes may remain before `until`.
                continue
            if text:
                news = AppendedLines(self.position, text, self.missing, self._continuations)
                self.missing = MissingText()
                self.position = Position(self.position.segment, self.position.offset + len(text))
                return news
            if not ended:
                return None
            self.leave_segment()

    def leave_segment(self) -> None:
        """Go on after the current segment, which has ended."""
        self.close()
        self.position = Position(self.position.segment + 1, 0)

    def open_segment(self) -> SegmentFrames | None:
        """Return the segment of the position, or the first after it that the store still has, or None.

        If it was compressed meanwhile, return its compressed form; if lines were erased in it, the text
        without them. A segment that was removed meanwhile can still be read.
        """
        frames = self._frames
        if frames is not None:
            if not self._is_replaced(frames):
                return frames
            compressed = None
            if self._has_another_form(frames.number):
                compressed = self._view.open_segment(frames.number)
            if compressed is None:
                return frames
            self.close()
            return self._read_from(compressed)
        # Lists the store again only if its active segment has changed since the last listing.
        self._view.refresh_if_rotated()
        segments = self._view.segments
        for at in range(bisect_left(segments, self.position.segment, key=_number), len(segments)):
            segment = segments[at]
            frames = self._view.open_segment(segment.number)
            if frames is not None:
                if segment.number != self.position.segment:
                    self.missing = self.missing.plus(self._missing_before(segment.number))
                    self.position = Position(segment.number, 0)
                return self._read_from(frames)
        return None

    def _is_replaced(self, frames: SegmentFrames) -> bool:
        """Return whether an open text was compressed, erased in or removed since."""
        if isinstance(frames, PlainFrames):
            return frames.is_removed
        return not self._view.is_sealed_text(frames.number, frames.fd)

    def _has_another_form(self, number: int) -> bool:
        """Return whether a segment, whose plain file is removed, is there in another form by now."""
        self._view.refresh_if_rotated()
        segments = self._view.segments
        at = bisect_left(segments, number, key=_number)
        listed = at < len(segments) and segments[at].number == number
        return listed and segments[at].form is not Form.ACTIVE and self._view.segment_exists(number)

    def _read_from(self, frames: SegmentFrames) -> SegmentFrames:
        self._frames = frames
        self._frame = AppendedLines(self.position, b"")
        return frames

    def _missing_before(self, number: int) -> MissingText:
        """Return what the store lacks between the follower's position and a later segment."""
        if self.position == Position(0, 0):
            return MissingText()
        return self._view.missing_between(self.position, number)

    def _read_lines(self, frames: SegmentFrames, limit: int) -> bytes:
        if isinstance(frames, PlainFrames):
            return _read_whole_lines(frames.fd, self.position.offset, limit)
        text, start = self._frame.text, self.position.offset - self._frame.position.offset
        if not 0 <= start < len(text):
            text, start = self._unpack_rest_of_frame(frames), 0
            self._frame = AppendedLines(self.position, text)
        end = text.rfind(b"\n", start, start + limit) + 1 or text.find(b"\n", start) + 1
        return text[start : end or len(text)]

    def _unpack_rest_of_frame(self, frames: SegmentFrames) -> bytes:
        """Return the lines from the position to the end of its frame; report and skip damaged frames."""
        frame = frames.frame_at(self.position.offset)
        while frame < frames.count:
            stop = frames.frame_bounds(frame)[1]
            try:
                found = list(frames.lines_between(self.position.offset, stop))
            except DamagedSegment as error:
                self._view.report_damage(str(error))
                self.skip(stop - self.position.offset)
                found = []
            # If the position is within a line, the text begins with the next line, maybe in the next frame.
            self.position = Position(self.position.segment, found[0][0] if found else stop)
            if found:
                return b"".join([text for _, text in found])
            frame += 1
        return b""


def _readable_bytes(limit: int, position: Position, until: Position | None) -> int:
    """Return the number of bytes that may be read from a position on."""
    if until is None or position.segment < until.segment:
        return limit
    return min(limit, until.offset - position.offset) if position.segment == until.segment else 0


def _read_whole_lines(fd: int, offset: int, limit: int) -> bytes:
    if limit > _TAIL:
        # Find the end of the last line first: to cut it off from the text would copy that.
        before = limit - _TAIL
        end = os.pread(fd, _TAIL, offset + before).rfind(b"\n") + 1
        if end:
            return os.pread(fd, before + end, offset)
    piece = os.pread(fd, limit, offset)
    end = piece.rfind(b"\n") + 1
    while not end and len(piece) == limit:
        limit *= 2
        piece = os.pread(fd, limit, offset)
        end = piece.find(b"\n") + 1
    return piece[:end]


def end_of_store(view: View) -> Position:
    """Return the position at which the next line of the store will begin."""
    view.refresh_if_rotated()
    for segment in reversed(view.segments):
        frames = view.open_whole_segment(segment.number)
        if frames is not None:
            with frames:
                return Position(segment.number, frames.size)
    return Position(0, 0)


def bytes_between(view: View, start: Position, end: Position) -> tuple[int, bool]:
    """Return the known bytes of text between two positions, and whether all segments there are known.

    Raises OSError.
    """
    is_known = True
    total = end.offset - start.offset
    for number in range(start.segment, end.segment):
        head = view.index_head(number)
        if head is not None:
            total += head.text
            continue
        frames = view.open_segment(number)
        if frames is None:
            gone = view.missing_between(Position(number, 0), number + 1)
            is_known = is_known and gone.known
            total += gone.bytes
            continue
        total += frames.size
        frames.close()
    return total, is_known
