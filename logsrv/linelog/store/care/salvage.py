"""The index of a segment that has lost its own, also of a damaged one: all whole frames can be read again.

Without an index a search walks by the heads of frames and blocks, and ends where one is damaged. Here the
next one is looked for behind it, by the four bytes that each begins with. The places of the lines behind
it are known if the head of the damaged frame still says how much text it had; one that has lost its head
counts for nothing, and the places behind it are too low.

Whoever made the file, no more is read than `MOST_READS` times, and no more is unpacked than `most_text`
says: a segment that takes more is left as it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.care.keep_aside import keep_aside, replace
from logsrv.linelog.store.segments import heads, index, indexing
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.indexing import Indexer
from logsrv.linelog.store.segments.segment import Segment

_ALLOWED = 4 << 30
_PIECE = 1 << 20
MOST_READS = 1 << 20


def most_text(size: int) -> int:
    """Return how much text is unpacked of a file of `size` bytes: text of lines is seldom more."""
    return 64 * size + _ALLOWED


def salvage(packed: Segment, disk: Disk, kept: Sequence[str] = ()) -> None:
    """Make an index of a segment by which its whole frames are read, and put what was beside it aside.

    kept: names of readers with a place in it. Raises OSError, and ValueError if that cannot be.
    """
    with Descriptor(disk.open(packed.name, os.O_RDONLY)) as fd:
        size = os.fstat(fd).st_size
        made, headless = _salvaged(fd, size, packed.number)
    if kept and headless:
        raise ValueError(
            f"{', '.join(kept)} has a place in it, and nothing says how much text a damaged frame had"
        )
    replace(packed.index, indexing.encode(made), disk)
    keep_aside(packed.words, disk)


def _salvaged(fd: int, size: int, number: int) -> tuple[Index, bool]:
    """Return the index that is made of a file, and whether the head of a frame was lost."""
    made, headless = Indexer(number), False
    walked = spent = 0

    def read(at: int, size: int) -> bytes:
        nonlocal walked
        walked += 1
        return os.pread(fd, size, at)

    while (at := made.compressed) < size:
        extent, text = heads.frame_at(read, at, size, lambda _: walked > MOST_READS) or (0, 0)
        spent += text
        if spent > most_text(size) or walked > MOST_READS or len(made.frames) >= heads.MOST:
            raise ValueError("it is damaged in too many places")
        if extent:
            frame = os.pread(fd, extent, at)
            with contextlib.suppress(ValueError):
                whole = index.unpacked(frame, text)
                made.add(indexing.look(whole, len(whole)), frame)
                continue
        head, behind = heads.text_at(read(at, heads.LONGEST)), at + extent
        if not extent or (behind < size and heads.text_at(read(behind, heads.LONGEST)) is None):
            headless |= head is None
            behind = _head_behind(read, at, size)
        made.pass_over(head or 0, behind - at)
    return made.made(), headless


def _head_behind(read: Callable[[int, int], bytes], at: int, size: int) -> int:
    """Return where the next head of a frame stands behind a place; the end of the file if none does."""
    at += 1
    while piece := read(at, _PIECE):
        place = piece.find(heads.MAGIC)
        while place >= 0:
            if heads.text_at(read(at + place, heads.LONGEST)) is not None:
                return at + place
            place = piece.find(heads.MAGIC, place + 1)
        at += max(len(piece) - len(heads.MAGIC) + 1, 1)
    return size
