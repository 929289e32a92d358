"""Repair of a text after a kill or a power cut: a torn last line, and data that never reached the medium.

A torn line is the beginning of a line, without an LF. It is kept, and the writer ends it with an LF before
it writes anything else. If a torn line has only our own stamp (TIME and SOURCE) or a part of it, nothing of
a sender is lost with it: it is cut off, so that each line has the stored format.

After a power cut a file may have its full size, but NULs instead of data. NULs at the end are cut off.
NULs between lines are a hole. It is filled, so that the lines after it keep their offsets: first an LF ends
the torn line before the hole, and then a line that says how many bytes are missing fills the rest. Both
repairs are logged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice

from twisted.logger import Logger

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.store.times import SHAPE, digits_to_zeros, time_text

log = Logger()
_STEP = 1 << 16
# Bytes, more than any stamp: a name of 64 characters, a path of a UNIX socket with each byte escaped. A
# longer torn line is no stamp, and is kept.
LONGEST_STAMP = 1024
# Bytes. Disks write whole sectors, so a hole ends at the end of a sector.
_SECTOR = 512
_SCAN = 1 << 20
_NULS = re.compile(rb"\0+")
# A power cut leaves fewer holes. More runs of NULs come from a sender of NULs (`--raw`): none is filled.
_MOST_HOLES = 10_000


def repair_text(path: str, fd: int, synced: int | None = None) -> tuple[int, bool]:
    """Repair a text; return its size in bytes, and whether its last line is torn.

    fd: the file, not opened for appending. synced: how many bytes, from the beginning, are known to be on
    the medium; None for all. Raises OSError.
    """
    whole = os.fstat(fd).st_size
    if synced is not None and whole < synced:
        log.error(
            "{path} has {whole} bytes, but {synced} of its bytes were on the disk before; the rest is lost",
            path=path,
            whole=whole,
            synced=synced,
        )
    size = _cut_off_nuls(path, fd, whole)
    if synced is not None:
        _fill_holes(path, fd, min(synced, size), size)
    return _cut_off_stamp(path, fd, size)


def _cut_off_nuls(path: str, fd: int, whole: int) -> int:
    """Cut off the NULs at the end of a file; return its new size."""
    size = size_without_nuls(fd, whole)
    if size < whole:
        os.ftruncate(fd, size)
        log.warn(
            "{path} ended in {nuls} NUL bytes, as a power cut leaves them; they were cut off",
            path=path,
            nuls=whole - size,
        )
    return size


def _fill_holes(path: str, fd: int, synced: int, size: int) -> None:
    for start, end in find_holes(fd, synced, size):
        _fill_hole(fd, start, end)
        log.warn(
            "{path} lacks {missing} bytes at {start}, which had not reached the disk when the power"
            " failed; a line there says so, and those around it are kept",
            path=path,
            missing=end - start,
            start=start,
        )


def _cut_off_stamp(path: str, fd: int, size: int) -> tuple[int, bool]:
    """Cut off a last line that is only a stamp; return the size, and whether the last line is torn."""
    start = start_of_line(fd, size)
    torn = size - start
    if torn and is_stamp_or_beginning(os.pread(fd, LONGEST_STAMP, start)):
        os.ftruncate(fd, start)
        log.warn(
            "{path} ended in {torn} bytes of a line that had no message yet; they were cut off",
            path=path,
            torn=torn,
        )
        return start, False
    if torn:
        log.warn(
            "the last line of {path} is torn after {torn} bytes; it is kept and ended there",
            path=path,
            torn=torn,
        )
    return size, torn > 0


def is_stamp_or_beginning(text: bytes) -> bool:
    """Return whether `text` is `TIME SOURCE ` or a beginning of that."""
    time, space, source = text.partition(b" ")
    shape = digits_to_zeros(time)
    if not space:
        return SHAPE.startswith(shape)
    return shape == SHAPE and b" " not in source[:-1] and len(text) < LONGEST_STAMP


def _pieces_backwards(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the first `end` bytes of a file as offsets and pieces, the last piece first."""
    while end:
        start = max(0, end - _STEP)
        yield start, os.pread(fd, end - start, start)
        end = start


def size_without_nuls(fd: int, size: int) -> int:
    """Return the size that a file of `size` bytes has without the NULs at its end."""
    texts = ((start, piece.rstrip(b"\0")) for start, piece in _pieces_backwards(fd, size))
    return next((start + len(text) for start, text in texts if text), 0)


def start_of_line(fd: int, end: int) -> int:
    """Return the offset after the last LF before offset `end`; 0 if there is no LF."""
    ends = (
        start + piece.rfind(b"\n") for start, piece in _pieces_backwards(fd, end) if b"\n" in piece
    )
    return next(ends, -1) + 1


def find_holes(fd: int, start: int, size: int) -> list[tuple[int, int]]:
    """Return begin and end of each run of NULs from `start` on; an empty list if they are no holes.

    Text itself has NULs only in a store with `--raw`. There a run may end anywhere, but a hole ends at the
    end of a sector.
    """
    found = list(islice(_nul_runs(fd, start, size), _MOST_HOLES + 1))
    return (
        found if len(found) <= _MOST_HOLES and all(end % _SECTOR == 0 for _, end in found) else []
    )


def _nul_runs(fd: int, start: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each run of NULs between two offsets."""
    # The offset at which a run begins that goes on in the next piece; None without such a run.
    begun: int | None = None
    while start < size and (piece := os.pread(fd, min(_SCAN, size - start), start)):
        if begun is not None and piece[0]:
            yield begun, start
            begun = None
        for run in _NULS.finditer(piece) if b"\0" in piece else ():
            first = start + run.start() if begun is None else begun
            begun = first if run.end() == len(piece) else None
            if begun is None:
                yield first, start + run.end()
        start += len(piece)


def _fill_hole(fd: int, start: int, end: int) -> None:
    """Fill a hole with a line that tells how many bytes are missing.

    Text after the hole that does not begin with a TIME becomes the end of that line.
    """
    line = start_of_line(fd, start)
    starts = line, start_of_line(fd, max(0, line - 1))
    times = (time_text(os.pread(fd, min(64, start - at), at)) for at in starts)
    time = next(filter(None, times), None) or rfc3339(os.fstat(fd).st_mtime)
    note = f"{time} logsrv:start [{end - start} bytes never reached the disk]".encode()
    if is_stamp_or_beginning(os.pread(fd, min(start - line, LONGEST_STAMP), line)):
        start = line
    before = b"\n" if line < start else b""
    behind = b"\n" if time_text(os.pread(fd, 64, end)) else b" "
    room = end - start - len(before) - len(behind)
    text = before + (note if len(note) <= room else b"").ljust(room) + behind
    os.pwrite(fd, text[: end - start], start)
