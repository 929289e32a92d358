"""Reading a store from any position, beside the writer or without one.

A position that comes with a piece is good for ever: sealing does not change it, and where retention
has removed the segment, reading goes on with the oldest that is left.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import zstandard

from logsrv.linelog.store import index
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.seal import pieces
from logsrv.linelog.store.segment import Form, Position, Segment, active_number, segments

START = Position(0, 0)
# What is found may be sealed or rotated before it is opened; that often in a row it is never.
TRIES = 1000
PAUSE = 0.001


def read(directory: Path, start: Position = START) -> Iterator[tuple[Position, bytes]]:
    """Yield the whole lines from `start` (the beginning of a line) to the end of what is written now.

    They come in pieces of about 1 MiB with their positions; `Position(p.segment, p.offset + len(piece))`
    is where to go on later. Raises OSError, and ValueError for a damaged segment, when what can be
    read of it was given; `Position(p.segment + 1, 0)` is behind it.
    """
    disk = Disk().enter(directory)
    try:
        yield from _read(disk, start)
    finally:
        disk.leave()


def _read(disk: Disk, start: Position) -> Iterator[tuple[Position, bytes]]:
    number, offset = start
    while True:
        segment, fd, frames = _open(number, disk)
        if segment.number != number:
            number, offset = segment.number, 0
        try:
            text = (
                _plain(fd, offset)
                if frames is None
                else _packed(disk.path(segment.name), fd, frames, offset)
            )
            for piece in text:
                yield Position(number, offset), piece
                offset += len(piece)
        finally:
            os.close(fd)
        if segment.form is Form.ACTIVE:
            return
        number, offset = number + 1, 0


def _open(number: int, disk: Disk) -> tuple[Segment, int, Index | None]:
    """Open the segment with that number, or the next one there is, and its index if it has one."""
    for tries_left in reversed(range(TRIES)):
        try:
            opened = _try_open(number, disk)
        except FileNotFoundError:
            if not tries_left:
                raise
            opened = None
        if opened is not None:
            return opened
        time.sleep(PAUSE)
    raise OSError(errno.EAGAIN, "the active segment changes all the time", str(disk.directory))


def _try_open(number: int, disk: Disk) -> tuple[Segment, int, Index | None] | None:
    """Give None, or FileNotFoundError, if what is there was rotated, sealed or removed meanwhile."""
    segment = _find(number, disk)
    # A listing may miss a file that is sealed meanwhile; the next one does not miss it again.
    if segment.number != number and _find(number, disk) != segment:
        return None
    frames = index.load(segment, disk) if segment.form is Form.PACKED else None
    fd = disk.open(segment.name, os.O_RDONLY)
    # In this order: once the number is known, the name must still belong to what was opened.
    if segment.form is Form.ACTIVE and not (
        active_number(disk) == segment.number and disk.belongs(segment.name, fd)
    ):
        os.close(fd)
        return None
    return segment, fd, frames


def _find(number: int, disk: Disk) -> Segment:
    found = segments(disk)
    return next((one for one in found if one.number >= number), found[-1])


def _plain(fd: int, offset: int) -> Iterator[bytes]:
    for chunk, end in pieces(fd, offset=offset):
        if chunk[end - 1 : end] == b"\n":
            yield chunk[:end]


def _packed(path: str, fd: int, frames: Index, offset: int) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor()
    for number in range(frames.frame_of(offset), len(frames.frames)):
        at, size = frames.extent(number)
        try:
            text = decompressor.decompress(os.pread(fd, size, at))
        except zstandard.ZstdError as error:
            raise ValueError(f"{path} is damaged at byte {at}: {error}") from error
        yield text[max(0, offset - frames.frames[number].text) :]
