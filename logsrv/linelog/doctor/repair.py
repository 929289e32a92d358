"""Repairs: files that are replaced stay as `….damaged`, and a damaged segment gets a new index.

Without an index a search follows the heads of frames and blocks, and ends at a damaged one. `salvage_index`
looks for the next frame after the damage, by the four bytes that each frame begins with. If the head of a
damaged frame still tells how much text it had, the lines after it keep their right positions. A frame
without a readable head counts as no text, so the positions after it are too low.

Somebody may have made the file to do harm. So it is read at most `MOST_READS` times, and no more text is
unpacked than `most_unpacked_bytes` allows. A segment that needs more is left unchanged.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count

from logsrv.descriptor import Descriptor
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import (
    LONGEST_HEAD,
    MAGIC,
    MOST_FRAMES,
    frame_sizes_at,
    text_size_in_head,
    unpack_frame,
)
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index.indexing import Indexer
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.index.text_before import earlier_texts
from logsrv.linelog.store.segment import Segment

SUFFIX = ".damaged"
_ALLOWED = 4 << 30
_PIECE = 1 << 20
MOST_READS = 1 << 20
_TOO_DAMAGED = "it is damaged in too many places"


def keep_aside(name: str, disk: Disk) -> str:
    """Rename a file to a free name `….damaged`; return that name, or "" if there is no such file.

    Raises OSError.
    """
    if not disk.has_name(name):
        return ""
    for number in count(1):
        other = f"{name}{SUFFIX}" if number == 1 else f"{name}{SUFFIX}-{number}"
        if not disk.has_name(other):
            disk.rename(name, other)
            disk.sync_directory()
            return other
    raise AssertionError


def replace_keeping_old(name: str, data: bytes, disk: Disk) -> None:
    """Rewrite a file, and keep the old one under another name. Raises OSError."""
    kept = keep_aside(name, disk)
    try:
        disk.replace_durably(name, data)
    except OSError:
        # On a full disk nothing changes, so that the next examination has the same finding.
        if kept:
            disk.rename(kept, name)
        raise


def most_unpacked_bytes(size: int) -> int:
    """Return the most bytes of text to unpack from a file of `size` bytes; real logs seldom have more."""
    return 64 * size + _ALLOWED


def salvage_index(
    packed: Segment, disk: Disk, kept: Sequence[str] = (), others: Iterable[Segment] = ()
) -> None:
    """Make an index of the whole frames of a segment; keep the old index and the words as `….damaged`.

    kept: the names of readers whose place is in the segment. others: of the store, for the text before.
    Raises OSError, and ValueError if no index can
    be made, or if it would make the place of a reader wrong.
    """
    with Descriptor(disk.open(packed.name, os.O_RDONLY)) as fd:
        size = os.fstat(fd).st_size
        made, headless = _index_of_whole_frames(fd, size, packed, disk, others)
    if kept and headless:
        raise ValueError(
            f"{', '.join(kept)} has a saved position here, and the size of a damaged frame is unknown"
        )
    replace_keeping_old(packed.index, indexing.encode_index(made), disk)
    keep_aside(packed.words, disk)


def _index_of_whole_frames(
    fd: int, size: int, packed: Segment, disk: Disk, others: Iterable[Segment]
) -> tuple[Index, bool]:
    """Return a new index of a compressed segment, and whether the head of a frame is destroyed."""
    made, headless = Indexer(packed.number), False
    earlier = EarlierTexts(partial(earlier_texts, packed, disk, lambda: others))
    walked = spent = 0

    def read(at: int, size: int) -> bytes:
        nonlocal walked
        walked += 1
        if walked > MOST_READS:
            raise ValueError(_TOO_DAMAGED)
        return os.pread(fd, size, at)

    while (at := made.compressed) < size:
        extent, text = frame_sizes_at(read, at, size) or (0, 0)
        spent += text
        if spent > most_unpacked_bytes(size) or len(made.frames) >= MOST_FRAMES:
            raise ValueError(_TOO_DAMAGED)
        if extent:
            frame = os.pread(fd, extent, at)
            with contextlib.suppress(ValueError):
                whole = unpack_frame(frame, text)
                made.add(indexing.scan_frame(whole, len(whole), earlier), frame)
                continue
        head, following = text_size_in_head(read(at, LONGEST_HEAD)), at + extent
        if not extent or (
            following < size and text_size_in_head(read(following, LONGEST_HEAD)) is None
        ):
            headless |= head is None
            following = _next_head(read, at, size)
        made.add_unreadable(head or 0, following - at)
        # Nobody knows what the frame held: no record goes on over it.
        earlier = EarlierTexts()
    return made.index_so_far(), headless


def _next_head(read: Callable[[int, int], bytes], at: int, size: int) -> int:
    """Return the offset of the next head of a frame after `at`; the size of the file if there is none."""
    at += 1
    while piece := read(at, _PIECE):
        found = piece.find(MAGIC)
        while found >= 0:
            if text_size_in_head(read(at + found, LONGEST_HEAD)) is not None:
                return at + found
            found = piece.find(MAGIC, found + 1)
        at += max(len(piece) - len(MAGIC) + 1, 1)
    return size
