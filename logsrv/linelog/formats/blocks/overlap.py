"""Blocks of a stream that overlap the last block of their store here; only their new part is stored.

The sender to a stream cannot ask which lines a centre has. The stream may have lost blocks that are here,
or the same lines may come over HTTP too, in other pieces.
"""

from __future__ import annotations

import os
import zlib

import attrs

from logsrv.descriptor import Descriptor
from logsrv.linelog.formats.blocks.send import PackedBlock
from logsrv.linelog.store import index
from logsrv.linelog.store.blocks import BlockNote
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import unpack_frame
from logsrv.linelog.store.segment import Form, Segment, segments

_TRIES = 100
"""The most tries to read a segment whose file changes meanwhile; that does not happen so often in a row."""


def overlaps_last_block(block: PackedBlock, note: BlockNote | None) -> bool:
    """Return whether a block begins before the end of its origin's last block here, and ends after it."""
    if note is None or note.end.segment != block.end.segment:
        return False
    return block.start < note.end < block.end


def read_stored_crc(disk: Disk, block: PackedBlock, note: BlockNote) -> int | None:
    """Return the CRC-32 of those lines of the last block here that an overlapping block has too.

    None if their segment is not here any more. Raises OSError, and ValueError if it is damaged.
    """
    if block.start <= note.start:
        return note.crc
    at, end = note.at.offset + block.start.offset - note.start.offset, note.stored_end.offset
    crc = 0
    while at < end:
        piece = read_text_piece(disk, note.at.segment, at, end)
        if piece is None:
            return None
        if not piece:
            raise ValueError(f"segment {note.at.segment} is shorter than its last block")
        crc = zlib.crc32(piece, crc)
        at += len(piece)
    return crc


def without_stored_part(
    block: PackedBlock, text: bytes, note: BlockNote, crc: int | None
) -> tuple[PackedBlock, bytes]:
    """Return an overlapping block and its text without the part that is stored already.

    crc: as `read_stored_crc` returned it. Raises ValueError if the lines of the two blocks differ.
    """
    begin, end = max(note.start, block.start), note.end
    here = text[begin.offset - block.start.offset : end.offset - block.start.offset]
    if crc is not None and zlib.crc32(here) != crc:
        raise ValueError(f"from {begin} to {end} its lines differ from those stored here")
    rest = text[end.offset - block.start.offset :]
    return attrs.evolve(block, start=end, after=end, crc=zlib.crc32(rest), gap=""), rest


def read_text_piece(disk: Disk, number: int, begin: int, end: int) -> bytes | None:
    """Return the bytes from `begin` to `end` of a segment's text, or fewer; None if it is not here.

    The segment may have any form by now. Raises OSError, and ValueError if it is damaged.
    """
    for _ in range(_TRIES):
        found = _segment_numbered(disk, number)
        if found is None:
            return None
        try:
            if found.form is Form.PACKED:
                return _read_packed_text(disk, found, begin, end)
            fd = disk.open(found.name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with Descriptor(fd):
            # The opened file was the right one if the segment still has this name.
            if found == _segment_numbered(disk, number):
                return os.pread(fd, end - begin, begin)
    raise OSError(f"segment {number} changes all the time")


def _segment_numbered(disk: Disk, number: int) -> Segment | None:
    return next((one for one in segments(disk) if one.number == number), None)


def _read_packed_text(disk: Disk, packed: Segment, begin: int, end: int) -> bytes:
    kept = index.load(packed, disk)
    number = kept.frame_number_at(begin)
    if number == len(kept.frames):
        return b""
    at, size = kept.packed_extent(number)
    with Descriptor(disk.open(packed.name, os.O_RDONLY)) as fd:
        frame = os.pread(fd, size, at)
    first, *behind = [frame.text for frame in kept.frames[number : number + 2]] + [kept.text]
    try:
        text = unpack_frame(frame, behind[0] - first)
    except ValueError as error:
        raise ValueError(f"{disk.path(packed.name)} is damaged: {error}") from None
    return text[begin - first : end - first]
