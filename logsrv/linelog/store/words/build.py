"""The word index of a segment, written while the segment is sealed, or later from its frames.

It is never needed: without it all frames are read. So it is complete or not there, and none is kept
that takes more than 15 % of the compressed text.
"""

from __future__ import annotations

import contextlib
import errno
import os

from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.segments.index import Index, frames
from logsrv.linelog.store.segments.segment import Segment, tmp
from logsrv.linelog.store.words.layout import Trailer, pack_trailer
from logsrv.linelog.store.words.section import Section

# The part of the compressed size that an index may take, and the part that its tables are folded to.
MOST_PART = 0.15
TABLES_PART = 0.13


class Builder:
    """A word index that grows by a frame at a time, in a temporary file."""

    def __init__(self, segment: Segment, disk: Disk) -> None:
        self._segment = segment
        self._disk = disk
        self._fd = disk.create_anew(tmp(segment.words))
        self._section = Section()
        self._sections = self._size = 0

    def add(self, chunk: bytes, end: int, compressed: int) -> None:
        """Add a frame with the text `chunk[:end]`, which takes `compressed` bytes. Raises OSError."""
        self._section.add(chunk, end, compressed)
        if self._section.full:
            self._write_section()

    def finish(self, made: Index) -> bool:
        """Complete the file, on the medium, under its temporary name; false if it is too large to keep.

        Raises OSError. `made` is the index of all that was added.
        """
        if self._section.frames:
            self._write_section()
        number = self._segment.number
        totals = Trailer(number, made.text, made.compressed, len(made.frames), self._sections)
        self._write(pack_trailer(totals))
        if self._size > MOST_PART * made.compressed:
            return False
        self._disk.fdatasync(self._fd)
        if not self._disk.belongs(tmp(self._segment.words), self._fd):
            raise FileNotFoundError(errno.ENOENT, "the temporary file was removed meanwhile")
        return True

    def close(self) -> None:
        """Close the file, complete or not."""
        os.close(self._fd)

    def _write_section(self) -> None:
        self._write(self._section.packed(TABLES_PART))
        self._sections += 1
        self._section = Section()

    def _write(self, data: bytes) -> None:
        self._size += len(data)
        left = memoryview(data)
        while left:
            left = left[self._disk.writev(self._fd, [left]) :]


class Beside:
    """The word index of a segment that is being sealed: if it cannot be written, the text is all the same.

    A full disk gets room by sealing, so that must not fail for want of an index.
    """

    def __init__(self, segment: Segment, disk: Disk) -> None:
        self._name = tmp(segment.words)
        self._disk = disk
        self._builder: Builder | None = None
        with contextlib.suppress(OSError):
            self._builder = Builder(segment, disk)

    def add(self, chunk: bytes, end: int, compressed: int) -> None:
        """Add a frame with the text `chunk[:end]`, which takes `compressed` bytes."""
        if self._builder is not None:
            try:
                self._builder.add(chunk, end, compressed)
            except OSError:
                self._give_up()

    def finish(self, made: Index) -> None:
        """Complete the file under its temporary name, or leave none."""
        if self._builder is not None:
            try:
                worth = self._builder.finish(made)
            except OSError:
                worth = False
            if not worth:
                self._give_up()

    def _give_up(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            self._disk.unlink(self._name)

    def close(self) -> None:
        """Close the file, complete or not."""
        if self._builder is not None:
            self._builder.close()
            self._builder = None


def add_words(packed: Segment, made: Index, disk: Disk) -> bool:
    """Make the word index of a packed segment whose index is `made`, in the place of one it may have.

    Returns false, and leaves none, if it would be too large. Raises OSError; ValueError for a damaged
    segment.
    """
    builder = Builder(packed, disk)
    try:
        try:
            for text, compressed in frames(packed, disk):
                builder.add(text, len(text), compressed)
            worth = builder.finish(made)
        finally:
            builder.close()
    except (OSError, ValueError):
        disk.unlink(tmp(packed.words))
        raise
    if worth:
        disk.rename(tmp(packed.words), packed.words)
    else:
        disk.unlink(tmp(packed.words))
        disk.unlink(packed.words)
    return worth
