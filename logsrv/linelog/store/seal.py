"""Sealing: a full segment becomes independent Zstandard frames and an index, beside the writer.

The plain file is there until the compressed one is complete, synced and has its name, so a crash
between any two steps leaves one that is whole; `recover.tidy` removes the other on the next start.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

import zstandard

from logsrv.linelog.store import index
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.segment import Segment, tmp

FRAME = 1 << 20
LEVEL = 3


class Interrupted(Exception):
    """The sealing was given up because the store is closing; it begins anew on the next start."""


def pieces(fd: int, size: int = FRAME, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """Yield the text from `offset` in pieces of about `size` bytes: the first so many of a chunk.

    A piece is of whole lines; the last one may be unended, and a line longer than `size` is a piece
    of its own. Nothing is copied: the end of a chunk that is not used is read again with the next.
    """
    wanted = size
    while chunk := os.pread(fd, wanted, offset):
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) == wanted:
            wanted *= 2
            continue
        yield chunk, end or len(chunk)
        offset, wanted = offset + (end or len(chunk)), size


def seal(segment: Segment, disk: Disk, going: Callable[[], bool] = lambda: True) -> Index:
    """Compress a plain segment and remove the plain file; return the index.

    Raises OSError when the disk is full or broken or something has the name of the packed file, and
    Interrupted when `going()` turns false (asked before each frame): then the plain file is as it was.
    """
    try:
        made = _pack(segment, disk, going)
        if segment.packed in disk.entries():
            raise FileExistsError(errno.EEXIST, f"{disk.path(segment.packed)} is there already")
    except (OSError, Interrupted):
        disk.unlink(tmp(segment.packed))
        raise
    try:
        index.save(made, segment, disk)
        disk.rename(tmp(segment.packed), segment.packed)
    except OSError:
        for leftover in (tmp(segment.packed), tmp(segment.index), segment.index):
            disk.unlink(leftover)
        raise
    disk.sync_directory()
    disk.unlink(segment.name)
    return made


def _pack(segment: Segment, disk: Disk, going: Callable[[], bool]) -> Index:
    """Write the frames to the temporary file; they are on the medium when this returns."""
    made = index.empty(segment)
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
    fd = disk.create_anew(tmp(segment.packed))
    try:
        source = disk.open(segment.name, os.O_RDONLY)
        try:
            # All that takes long here lets go of the GIL, which this thread shares with the writer.
            for chunk, end in pieces(source):
                if not going():
                    raise Interrupted
                frame = compressor.compress(memoryview(chunk)[:end])
                left = memoryview(frame)
                while left:
                    left = left[disk.writev(fd, [left]) :]
                made = made.add(chunk, end, len(frame))
            written = os.fstat(source)
        finally:
            os.close(source)
        # Retention goes by the time of the last line, which is when the plain file was written to.
        os.utime(fd, ns=(written.st_atime_ns, written.st_mtime_ns))
        disk.fdatasync(fd)
    finally:
        os.close(fd)
    return made
