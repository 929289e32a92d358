"""The texts that are not compressed: waiting segments and current.log, which have no checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator

from logsrv.kit.text.words import counted
from logsrv.linelog.store.care.findings import SegmentText, StoreFinding, finding
from logsrv.linelog.store.segments.times import SHAPE, SIZE, shape_of
from logsrv.linelog.store.segments.torn import end_of_text, holes, start_of_line

_PIECE = 1 << 20


def check_text(
    name: str, fd: int, looked: SegmentText, *, quick: bool, waits: bool = False
) -> Iterator[StoreFinding]:
    """Yield what is wrong with the text of a segment that is not compressed. Raises OSError.

    quick: only its end is read. waits: it is complete, and waits to be compressed: elsewhere the next start
    mends a line that has no end.
    """
    looked.text = os.fstat(fd).st_size
    nuls = end_of_text(fd, looked.text)
    end = start_of_line(fd, nuls)
    if nuls < looked.text:
        yield finding("hole", name, at=f"{nuls} to {looked.text}")
    if waits and end < nuls:
        yield finding("torn-end", name, size=counted(nuls - end, "byte"))
    if quick:
        return
    for start, stop in holes(fd, 0, nuls):
        yield finding("hole", name, at=f"{start} to {stop}")
    looked.lines, odd = _count(fd, end)
    if odd:
        yield finding("odd-lines", name, lines=counted(odd, "line"))


def _count(fd: int, end: int) -> tuple[int, int]:
    """Return the number of lines, and of those that do not begin with a TIME."""
    at = odd = count = 0
    rest = b""
    while at < end and (piece := os.pread(fd, min(_PIECE, end - at), at)):
        at += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        count += len(lines)
        heads = b"".join([line[:SIZE].ljust(SIZE) for line in lines])
        if shape_of(heads) != SHAPE * len(lines):
            odd += sum(shape_of(line[:SIZE]) != SHAPE for line in lines)
    return count, odd
