"""The segment that a shipper reads, and the offset up to which its text is on the medium.

Only that text is sent. Otherwise a power cut could remove lines from this store that were already sent,
and new lines would get their places.
"""

from __future__ import annotations

import os

from logsrv.errors import StoreError
from logsrv.linelog.read.texts import PlainFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import reason
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.torn import start_of_line


class SegmentSyncer:
    """A segment of a store, which is opened and synced here.

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
