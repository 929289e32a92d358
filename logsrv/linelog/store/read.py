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
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.seal import pieces
from logsrv.linelog.store.segment import Form, Position, Segment, active_number, segments

START = Position(0, 0)
# A rotation leaves a moment without a current.log, some microseconds unless threads are in the way.
TRIES = 1000
PAUSE = 0.001


def read(directory: Path, start: Position = START) -> Iterator[tuple[Position, bytes]]:
    """The whole lines from `start` (the beginning of a line) to the end of what is written now.

    Yields pieces of about 1 MiB with their positions; `Position(p.segment, p.offset + len(piece))` is
    where to go on later. Raises OSError, and ValueError for a damaged segment.
    """
    number, offset = start
    while True:
        segment, fd, frames = _open(directory, number)
        if segment.number != number:
            number, offset = segment.number, 0
        try:
            text = _plain(fd, offset) if frames is None else _packed(segment, fd, frames, offset)
            for piece in text:
                yield Position(number, offset), piece
                offset += len(piece)
        finally:
            os.close(fd)
        if segment.form is Form.ACTIVE:
            return
        number, offset = number + 1, 0


def _open(directory: Path, number: int) -> tuple[Segment, int, Index | None]:
    """The segment with that number, or the next one there is, and its index if it has one."""
    for tries_left in reversed(range(TRIES)):
        try:
            opened = _try_open(directory, number)
        except FileNotFoundError:
            if not tries_left or not directory.is_dir():
                raise
            opened = None
        if opened is not None:
            return opened
        time.sleep(PAUSE)
    raise OSError(errno.EAGAIN, "the active segment changes all the time", str(directory))


def _try_open(directory: Path, number: int) -> tuple[Segment, int, Index | None] | None:
    """None, or FileNotFoundError, if what is there was rotated, sealed or removed meanwhile."""
    segment = _find(directory, number)
    # A listing may miss a file that is sealed meanwhile; the next one does not miss it again.
    if segment.number != number and _find(directory, number) != segment:
        return None
    frames = index.load(segment) if segment.form is Form.PACKED else None
    fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    if segment.form is Form.ACTIVE and not _is_still_active(segment, fd):
        os.close(fd)
        return None
    return segment, fd, frames


def _find(directory: Path, number: int) -> Segment:
    found = segments(directory)
    return next((one for one in found if one.number >= number), found[-1])


def _is_still_active(segment: Segment, fd: int) -> bool:
    # In this order: once the number is known, the name must still belong to what was opened.
    if active_number(segment.path.parent) != segment.number:
        return False
    try:
        return os.path.samestat(os.fstat(fd), os.stat(segment.path))
    except FileNotFoundError:
        return False


def _plain(fd: int, offset: int) -> Iterator[bytes]:
    for chunk, end in pieces(fd, offset=offset):
        if chunk[end - 1 : end] == b"\n":
            yield chunk[:end]


def _packed(segment: Segment, fd: int, frames: Index, offset: int) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor()
    for number in range(frames.frame_of(offset), len(frames.frames)):
        at, size = frames.extent(number)
        try:
            text = decompressor.decompress(os.pread(fd, size, at))
        except zstandard.ZstdError as error:
            raise ValueError(f"{segment.path} is damaged at byte {at}: {error}") from error
        yield text[max(0, offset - frames.frames[number].text) :]
