"""The segment that a reader is in, and how far its text is on the medium: nothing behind that leaves.

What has left and is gone here after a power cut would be at places that are used again for other lines.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from operator import attrgetter

from logsrv.errors import StoreError
from logsrv.linelog.read.texts import Frames, PlainFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.disk import reason
from logsrv.linelog.store.segments.segment import Position
from logsrv.linelog.store.segments.torn import start_of_line

_number = attrgetter("number")


class DurableSegment:
    """A segment of a store, opened and synced by a descriptor of its own.

    ended: nothing more comes into it, as of the last `reach`. unended: so many bytes of a last line without
    its end it has then.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._frames: Frames | None = None
        self._size = -1
        self._reach = 0
        # A sync of it has failed: the kernel lets go of what it could not write, so that one that works
        # later says nothing of it. Its compressed file is another.
        self._doubtful = 0
        self.ended = False
        self.unended = 0

    @property
    def number(self) -> int | None:
        """The number of the segment; None before the first."""
        return None if self._frames is None else self._frames.number

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def enter(self, number: int) -> Frames | None:
        """Return segment `number`, opened; None if there is none. Raises OSError and StoreError."""
        frames = self._frames
        if frames is not None and frames.number == number and not _is_replaced(frames):
            return frames
        self._view.renew()
        found = self._view.open(number)
        if found is None:
            # A file that somebody has removed can still be read here.
            return frames if frames is not None and frames.number == number else None
        if isinstance(found, PlainFrames) and number == self._doubtful:
            found.close()
            raise StoreError(
                f"{found.path} could not be synced to the disk; it is sent when it is compressed"
            )
        self.close()
        # The name may be new: a compressed file gets its own before that is on the medium.
        try:
            self._view.sync_names()
        except BaseException:
            found.close()
            raise
        self._frames, self._size, self._reach = found, -1, 0
        return found

    def next_number(self, number: int) -> int | None:
        """Return the number of the next segment behind `number` that there is; None if there is none."""
        segments = self._view.segments
        at = bisect_right(segments, number, key=_number)
        return segments[at].number if at < len(segments) else None

    def reach(self, behind: int) -> int:
        """Return up to where its whole lines are on the medium; more is synced if nothing is `behind` that.

        So one sync is for all that came meanwhile. Raises OSError and StoreError.
        """
        frames = self._frames
        assert frames is not None
        # Looked at before the size: nothing that came until it ended is left behind.
        self.ended = not (isinstance(frames, PlainFrames) and self._view.is_active(frames.fd))
        if self._reach <= behind:
            size = os.fstat(frames.fd).st_size
            if size != self._size:
                self._sync(frames)
                self._size = size
                plain = isinstance(frames, PlainFrames)
                self._reach = start_of_line(frames.fd, size) if plain else frames.size
                self.unended = size - self._reach if plain else 0
        return self._reach

    def _sync(self, frames: Frames) -> None:
        try:
            os.fdatasync(frames.fd)
        except OSError as error:
            self._doubtful = frames.number
            self.close()
            raise StoreError(
                f"{frames.path} cannot be synced to the disk: {reason(error)}"
            ) from error

    def until(self, position: Position) -> Position:
        """Return up to where a reader who is at `position` may read. Raises OSError and StoreError."""
        number, offset = position
        if self.enter(number) is None:
            following = self.next_number(number)
            return position if following is None else Position(following, 0)
        reach = self.reach(offset)
        return (
            Position(number + 1, 0) if self.ended and offset >= reach else Position(number, reach)
        )


def _is_replaced(frames: Frames) -> bool:
    """Return whether it is a plain file whose compressed form has taken its place, or that was removed."""
    return isinstance(frames, PlainFrames) and not os.fstat(frames.fd).st_nlink
