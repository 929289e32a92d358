"""A follower for shippers, which reads only text on the medium.

Otherwise a power cut could remove lines from this store that were already sent, and new lines would get
their places.
"""

from __future__ import annotations

import os

from logsrv.errors import StoreError
from logsrv.linelog.read.follow import AppendedLines, Follower
from logsrv.linelog.read.texts import PlainFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import reason
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.starting.torn import start_of_line


class DurableFollower(Follower):
    """A follower that syncs a segment before its text is read.

    ended: whether nothing more will be written to the segment that `find_readable` returned last.
    """

    def __init__(self, view: View, position: Position) -> None:
        super().__init__(view, position)
        self.ended = False
        # The segment that is synced, its size at the last sync, the end of its whole lines then, and the
        # number of bytes of an unfinished line after that.
        self._synced: SegmentFrames | None = None
        self._size = -1
        self._reach = 0
        self._unfinished = 0
        # The number of a segment whose sync has failed; its text is sent only when it is compressed. The
        # kernel drops pages that it could not write, so a later successful sync proves nothing.
        self._doubtful = 0

    @property
    def needed_from(self) -> Position:
        """The position from which on the store is needed: after an open segment, which stays readable."""
        number, _ = self.position
        return Position(number + 1, 0) if self.is_segment_open else self.position

    def read_durable(self) -> AppendedLines | None:
        """Return the next lines on the medium; None if there are none now.

        Raises OSError and StoreError.
        """
        while (found := self.find_readable()) is not None:
            before = self.position
            lines = self.read(until=Position(before.segment, found[1]))
            # Without lines at the same position, another program has shortened the file.
            if lines is not None or self.position == before:
                return lines
        return None

    def find_readable(self) -> tuple[SegmentFrames, int] | None:
        """Return the segment there, and the offset up to which it may be read; None for nothing new.

        The position moves past segments that have ended. An unfinished line at their end counts as missing.
        Raises OSError and StoreError.
        """
        while (frames := self.open_segment()) is not None:
            offset = self.position.offset
            reach = self._sync_whole_lines(frames, offset)
            if offset < reach:
                return frames, reach
            if not self.ended:
                return None
            if self._unfinished and offset == reach:
                self._view.report_damage(
                    f"{frames.path} ends in an unfinished line, which is not sent"
                )
                self.skip(self._unfinished)
            self.leave_segment()
        return None

    def _sync_whole_lines(self, frames: SegmentFrames, after: int) -> int:
        """Return the offset up to which the segment's whole lines are on the medium.

        Syncs more text only if no such line is after offset `after`, so that one sync serves all lines that
        arrived meanwhile.
        """
        plain = isinstance(frames, PlainFrames)
        if frames is not self._synced:
            if plain and frames.number == self._doubtful:
                raise StoreError(
                    f"{frames.path} could not be synced to the disk; it is sent when it is compressed"
                )
            # A compressed file may have a name that is not on the medium yet.
            self._view.sync_directory()
            self._synced, self._size, self._reach = frames, -1, 0
        # Read this before the size: if the segment has ended, the size then includes all of its text.
        self.ended = not (plain and self._view.is_active_file(frames.fd))
        if self._reach <= after:
            size = frames.file_size
            if size != self._size:
                self._sync_file(frames)
                self._size = size
                self._reach = start_of_line(frames.fd, size) if plain else frames.size
                self._unfinished = size - self._reach if plain else 0
        return self._reach

    def _sync_file(self, frames: SegmentFrames) -> None:
        try:
            os.fdatasync(frames.fd)
        except OSError as error:
            self._doubtful, self._synced = frames.number, None
            raise StoreError(
                f"{frames.path} cannot be synced to the disk: {reason(error)}"
            ) from error
