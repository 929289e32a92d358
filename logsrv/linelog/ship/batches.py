"""Batches for a target: the lines of a store from a place on, all or only those that match a query."""

from __future__ import annotations

import os
from collections.abc import Callable

from logsrv.errors import StoreError
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING
from logsrv.linelog.read.follow import AppendedLines, Follower
from logsrv.linelog.read.texts import PlainFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.target import LineBatch
from logsrv.linelog.store.disk import reason
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.segment_notes import MissingText
from logsrv.linelog.store.torn import start_of_line

PIECES = 16
"""The pieces of 1 MiB that are searched for lines before other work gets its turn."""


class LineBatches:
    """Batches of lines from `position` on, of text that is on the medium.

    query: None for all lines. gap: called with the amount of text that was removed or damaged, and the
    place of the next line after it. most_lines, most_bytes: limits of a batch; a longer line is a batch by
    itself. may_have_more: whether more batches may be ready now.

    Raises QueryError for an invalid query.
    """

    def __init__(
        self,
        view: View,
        position: Position,
        query: str | None,
        gap: Callable[[MissingText, Position], object],
        *,
        most_lines: int,
        most_bytes: int,
    ) -> None:
        self._matcher = make_matcher(EVERYTHING if query is None else parse(query))
        self._durable = SegmentSyncer(view)
        self._follower = Follower(view, position)
        self._read_to = position
        self._gap = gap
        self.may_have_more = False
        self.most_lines = most_lines
        self.most_bytes = most_bytes

    @property
    def store_needed_from(self) -> Position:
        """The place from which on the store is needed: after an open segment, which stays readable."""
        number, _ = place = self._follower.position
        return Position(number + 1, 0) if self._follower.is_segment_open else place

    @property
    def unreported_missing(self) -> MissingText:
        """The amount of text that is gone at the place, and that `gap` was not called for yet."""
        return self._follower.missing

    def close(self) -> None:
        self._durable.close()
        self._follower.close()

    def read_batches(self) -> list[LineBatch]:
        """Return the next batches; none if there are none at present.

        A batch without lines means that no line up to its end matches. Raises OSError and StoreError.
        """
        found: list[LineBatch] = []
        lines: list[bytes] = []
        size, begin = 0, self._read_to
        end = begin
        self.may_have_more = False
        for _ in range(PIECES):
            try:
                news = self._next_durable_text()
            except (OSError, StoreError):
                if self._read_to == begin:
                    raise
                # Send the text that was read so far; if the error persists, the next call raises it.
                self.may_have_more = True
                break
            if news is None:
                break
            (number, offset), text = news.position, news.text
            for start, stop in self._matcher.find(text, news.position):
                size += stop - start + 1
                if lines and (len(lines) == self.most_lines or size > self.most_bytes):
                    found.append(LineBatch(lines, end))
                    lines, size = [], stop - start + 1
                lines.append(text[start:stop])
                end = Position(number, offset + stop + 1)
            end = self._read_to
            if found:
                self.may_have_more = True
                break
        else:
            self.may_have_more = True
        if lines or (end != begin and not found):
            found.append(LineBatch(lines, end))
        return found

    def _next_durable_text(self) -> AppendedLines | None:
        """Return the next piece of text that is on the medium."""
        follower = self._follower
        while True:
            before = follower.position
            news = follower.read(until=self._durable.sync_readable_end(before))
            if news is not None:
                if news.missing:
                    self._gap(news.missing, news.position)
                self._read_to = follower.position
                return news
            if follower.position == before:
                return None


class SegmentSyncer:
    """The segment that a shipper reads, which is opened and synced here.

    Only text on the medium is sent. Otherwise a power cut could remove lines from this store that were
    already sent, and new lines would get their places.

    ended: whether the last `sync_whole_lines` found that nothing more will be written to it. unfinished:
    the number of bytes in an unfinished last line that the same call found.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._frames: SegmentFrames | None = None
        self._size = -1
        self._reach = 0
        # The number of a segment whose sync has failed; its text is sent only when it is compressed. The
        # kernel drops pages that it could not write, so a later successful sync proves nothing.
        self._doubtful = 0
        self.ended = False
        self.unfinished = 0

    @property
    def number(self) -> int | None:
        """The number of the segment; None if none is open."""
        return None if self._frames is None else self._frames.number

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def open_segment(self, number: int) -> SegmentFrames | None:
        """Return segment `number`, opened; None if there is none. Raises OSError and StoreError."""
        frames = self._frames
        if frames is not None and frames.number == number and not _is_plain_file_removed(frames):
            return frames
        self._view.refresh_if_rotated()
        found = self._view.open_segment(number)
        if found is None:
            # A file that is open can still be read after its removal.
            return frames if frames is not None and frames.number == number else None
        if isinstance(found, PlainFrames) and number == self._doubtful:
            found.close()
            raise StoreError(
                f"{found.path} could not be synced to the disk; it is sent when it is compressed"
            )
        self.close()
        # A compressed file may have a name that is not on the medium yet.
        try:
            self._view.sync_directory()
        except BaseException:
            found.close()
            raise
        self._frames, self._size, self._reach = found, -1, 0
        return found

    def next_segment_number(self, number: int) -> int | None:
        """Return the number of the next segment after `number`; None if there is none."""
        return next((one.number for one in self._view.segments if one.number > number), None)

    def sync_whole_lines(self, after: int) -> int:
        """Return the offset up to which the segment's whole lines are on the medium.

        Syncs more text only if no such line is after offset `after`, so that one sync serves all lines that
        arrived meanwhile. Raises OSError and StoreError.
        """
        frames = self._frames
        assert frames is not None
        # Read this before the size: if the segment has ended, the size then includes all of its text.
        self.ended = not (isinstance(frames, PlainFrames) and self._view.is_active_file(frames.fd))
        if self._reach <= after:
            size = os.fstat(frames.fd).st_size
            if size != self._size:
                self._sync_file(frames)
                self._size = size
                plain = isinstance(frames, PlainFrames)
                self._reach = start_of_line(frames.fd, size) if plain else frames.size
                self.unfinished = size - self._reach if plain else 0
        return self._reach

    def _sync_file(self, frames: SegmentFrames) -> None:
        try:
            os.fdatasync(frames.fd)
        except OSError as error:
            self._doubtful = frames.number
            self.close()
            raise StoreError(
                f"{frames.path} cannot be synced to the disk: {reason(error)}"
            ) from error

    def sync_readable_end(self, position: Position) -> Position:
        """Return the place up to which a reader at `position` may read. Raises OSError and StoreError."""
        number, offset = position
        if self.open_segment(number) is None:
            following = self.next_segment_number(number)
            return position if following is None else Position(following, 0)
        reach = self.sync_whole_lines(offset)
        return (
            Position(number + 1, 0) if self.ended and offset >= reach else Position(number, reach)
        )


def _is_plain_file_removed(frames: SegmentFrames) -> bool:
    """Return whether a segment's plain file was removed: retention did that, or it is compressed now."""
    return isinstance(frames, PlainFrames) and not os.fstat(frames.fd).st_nlink
