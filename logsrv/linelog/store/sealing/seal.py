"""Sealing: a full segment is turned into independent Zstandard frames and an index.

The plain file stays until the compressed one is complete, synced and has its name. So a crash between any
two steps leaves one complete file; `tidy.tidy` removes the other at the next start.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import TypeAlias

from logsrv.descriptor import Descriptor
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import compressor
from logsrv.linelog.store.index.indexing import Indexer, save_index, scan_frame
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.index.text_before import earlier_texts
from logsrv.linelog.store.segment import Segment, sealed_segments, tmp
from logsrv.linelog.store.starting.making import right_when_free
from logsrv.linelog.store.words.build import WordIndexBuilder

FRAME = 1 << 20


Pack: TypeAlias = Callable[[Segment, Disk, Callable[[], bool], bool], Index]


class Interrupted(Exception):
    """The sealing was stopped because the store is closing; the next start begins it again."""


def text_pieces(fd: int, size: int = FRAME) -> Iterator[tuple[bytes, int]]:
    """Yield the text in pieces of about `size` bytes, each as (chunk, bytes of the piece).

    The piece is the beginning of the chunk. It has whole lines, but the last piece may lack its LF. A line
    longer than `size` is a piece by itself. Nothing is copied: the rest of a chunk is read again with the
    next one.
    """
    offset, wanted = 0, size
    while chunk := os.pread(fd, wanted, offset):
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) == wanted:
            wanted *= 2
            continue
        yield chunk, end or len(chunk)
        offset, wanted = offset + (end or len(chunk)), size


def pack_here(segment: Segment, disk: Disk, going: Callable[[], bool], with_words: bool) -> Index:
    """Carry out all `packing_steps` in this thread; return the index.

    Raises OSError, and Interrupted if `going()` returns false.
    """
    with contextlib.closing(packing_steps(segment, disk, with_words)) as left:
        while going():
            try:
                next(left)
            except StopIteration as end:
                made: Index = end.value
                return made
    raise Interrupted


def packing_steps(
    segment: Segment,
    disk: Disk,
    with_words: bool,
    others: Callable[[], Iterable[Segment]] | None = None,
) -> Generator[None, None, Index]:
    """Write the frames and the word index to temporary files, synced at the end; return the index.

    others: returns the segments before, of which some may be read; by default those of the store. It yields
    before each frame; the caller may carry out the next step in another thread. Raises OSError.
    """
    known = others or partial(sealed_segments, disk)
    made = Indexer(segment.number)
    earlier = EarlierTexts(partial(earlier_texts, segment, disk, known))
    frames = compressor()
    with contextlib.ExitStack() as undo:
        fd = undo.enter_context(Descriptor(disk.create_anew(tmp(segment.packed))))
        source = undo.enter_context(Descriptor(disk.open(segment.name, os.O_RDONLY)))
        words = WordIndexBuilder(segment, disk) if with_words else None
        if words is not None:
            undo.callback(words.close)
        for chunk, end in text_pieces(source):
            yield
            # Scan first, while the text is in the processor's cache.
            looked = scan_frame(chunk, end, earlier)
            frame = frames.compress(memoryview(chunk)[:end])
            disk.write(fd, frame)
            made.add(looked, frame)
            if words is not None:
                words.add_frame(chunk, end, len(frame), looked.newlines)
        if words is not None:
            words.finish(made.index_so_far())
        # Retention takes the time of the file as the time of its last line.
        written = os.fstat(source)
        os.utime(fd, ns=(written.st_atime_ns, written.st_mtime_ns))
        disk.fdatasync(fd)
    return made.index_so_far()


def seal(
    segment: Segment,
    disk: Disk,
    going: Callable[[], bool] = lambda: True,
    *,
    with_words: bool = True,
    pack: Pack = pack_here,
) -> Index:
    """Compress a plain segment and remove the plain file; return the index.

    with_words: whether to make a word index as well, unless it would be too large to be useful.
    pack: does the same as `pack_here`, perhaps in another process.

    Raises OSError if the disk is full or broken, if the name of the packed file is taken, or if the segment
    has no text (`zstdcat` refuses an empty file). Raises Interrupted if `going()`, which is called before
    each frame, returns false. In both cases the plain file stays unchanged.
    """
    with (
        Descriptor(disk.open(segment.name, os.O_RDONLY)) as text,
        right_when_free(text, going) as is_free,
    ):
        if not is_free:
            raise Interrupted
        return _seal_text(segment, disk, going, with_words, pack)


def _seal_text(
    segment: Segment, disk: Disk, going: Callable[[], bool], with_words: bool, pack: Pack
) -> Index:
    # Sync the name of the plain file before its text gets another name.
    disk.sync_directory()
    try:
        made = pack(segment, disk, going, with_words)
        if not made.text:
            raise OSError(errno.ENODATA, f"{disk.path(segment.name)} has no text")
        if disk.has_name(segment.packed):
            raise FileExistsError(errno.EEXIST, f"{disk.path(segment.packed)} is there already")
    except (OSError, Interrupted):
        disk.unlink(tmp(segment.packed))
        disk.unlink(tmp(segment.words))
        raise
    try:
        save_index(made, segment, disk)
        # The text gets its name last, so that a reader that finds the text finds its index as well.
        if disk.has_name(tmp(segment.words)):
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
