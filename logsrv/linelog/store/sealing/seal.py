"""Sealing: a full segment becomes independent Zstandard frames and an index, beside the writer.

The plain file is there until the compressed one is complete, synced and has its name, so a crash
between any two steps leaves one that is whole; `recover.tidy` removes the other on the next start.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Generator, Iterator
from typing import TypeAlias

from logsrv.linelog.store.segments.compressing import compressor
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.indexing import Indexer, look, save
from logsrv.linelog.store.segments.segment import Segment, tmp
from logsrv.linelog.store.words.build import Builder

FRAME = 1 << 20


Pack: TypeAlias = Callable[[Segment, Disk, Callable[[], bool], bool], Index]


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


def pack_here(segment: Segment, disk: Disk, going: Callable[[], bool], with_words: bool) -> Index:
    """Carry out all `steps`, in this thread. Raises OSError, and Interrupted when `going()` turns false."""
    with contextlib.closing(steps(segment, disk, with_words)) as left:
        while going():
            try:
                next(left)
            except StopIteration as end:
                made: Index = end.value
                return made
    raise Interrupted


def steps(segment: Segment, disk: Disk, with_words: bool) -> Generator[None, None, Index]:
    """Write the frames, and their words, to temporary files; both are on the medium at the end.

    Each step is a frame, and may be taken by another thread than the one before. Raises OSError.
    """
    made = Indexer(segment.number)
    frames = compressor()
    with contextlib.ExitStack() as undo:
        fd = disk.create_anew(tmp(segment.packed))
        undo.callback(os.close, fd)
        source = disk.open(segment.name, os.O_RDONLY)
        undo.callback(os.close, source)
        words = Builder(segment, disk) if with_words else None
        if words is not None:
            undo.callback(words.close)
        for chunk, end in pieces(source):
            yield
            # First of all: what was just read is in the processor's cache.
            looked = look(chunk, end)
            frame = frames.compress(memoryview(chunk)[:end])
            disk.write(fd, frame)
            made.add(looked, frame)
            if words is not None:
                words.add(chunk, end, len(frame), looked.newlines)
        if words is not None:
            words.finish(made.made())
        # Retention goes by the time of the last line, which is when the plain file was written to.
        written = os.fstat(source)
        os.utime(fd, ns=(written.st_atime_ns, written.st_mtime_ns))
        disk.fdatasync(fd)
    return made.made()


def seal(
    segment: Segment,
    disk: Disk,
    going: Callable[[], bool] = lambda: True,
    *,
    with_words: bool = True,
    pack: Pack = pack_here,
) -> Index:
    """Compress a plain segment and remove the plain file; return the index.

    with_words: make a word index as well; there is none where it would be too large to be of use.
    pack: does what `pack_here` does, maybe elsewhere.

    Raises OSError when the disk is full or broken, something has the name of the packed file, or there is
    no text (an empty file is none to `zstdcat`), and Interrupted when `going()` turns false (asked before
    each frame): then the plain file is as it was.
    """
    # The name of the plain file, whose text is about to have another.
    disk.sync_directory()
    try:
        made = pack(segment, disk, going, with_words)
        if not made.text:
            raise OSError(errno.ENODATA, f"{disk.path(segment.name)} has no text")
        if disk.holds(segment.packed):
            raise FileExistsError(errno.EEXIST, f"{disk.path(segment.packed)} is there already")
    except (OSError, Interrupted):
        disk.unlink(tmp(segment.packed))
        disk.unlink(tmp(segment.words))
        raise
    try:
        save(made, segment, disk)
        # The text has its name last, so that whoever finds it finds what is beside it.
        if disk.holds(tmp(segment.words)):
            disk.rename(tmp(segment.words), segment.words)
        else:
            disk.unlink(segment.words)
        disk.rename(tmp(segment.packed), segment.packed)
    except OSError:
        beside = (segment.index, segment.words)
        for leftover in (tmp(segment.packed), *map(tmp, beside), *beside):
            disk.unlink(leftover)
        raise
    disk.sync_directory()
    disk.unlink(segment.name)
    return made
