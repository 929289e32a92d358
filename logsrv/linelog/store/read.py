"""Reading a store from any position, beside the writer or without one.

A position that comes with a piece is good for ever: sealing does not change it, and where retention
has removed the segment, reading goes on with the oldest that is left.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import zstandard

from logsrv.linelog.store import index
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.seal import pieces
from logsrv.linelog.store.segment import Form, Position, Segment, active_number, segments

START = Position(0, 0)
# Each try fails only if a rotation or a sealing happens within some microseconds.
TRIES = 100


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
        found = segments(directory)
        segment = next((one for one in found if one.number >= number), found[-1])
        try:
            frames = index.load(segment) if segment.form is Form.PACKED else None
            fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            # Sealed, removed or rotated in this very moment: look again.
            if not tries_left:
                raise
            continue
        if segment.form is not Form.ACTIVE or _is_still_active(segment, fd):
            return segment, fd, frames
        os.close(fd)
    raise OSError(errno.EAGAIN, "the active segment changes all the time", str(directory))


def _is_still_active(segment: Segment, fd: int) -> bool:
    # In this order: once the number is known, the name must still belong to what was opened.
    same_number = active_number(segment.path.parent) == segment.number
    try:
        return same_number and os.path.samestat(os.fstat(fd), os.stat(segment.path))
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
