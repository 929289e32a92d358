"""Blocks of a stream that overlap the last block of their store here; only their new part is stored.

The sender to a stream cannot ask which lines a centre has. The stream may have lost blocks that are here,
or the same lines may come over HTTP too, in other pieces.
"""

from __future__ import annotations

import zlib

import attrs

from logsrv.linelog.read.view import View
from logsrv.linelog.store.blocks import BlockNote
from logsrv.linelog.store.packed_block import PackedBlock


def overlaps_last_block(block: PackedBlock, note: BlockNote | None) -> bool:
    """Return whether a block begins before the end of its origin's last block here, and ends after it."""
    if note is None or note.end.segment != block.end.segment:
        return False
    return block.start < note.end < block.end


def read_stored_crc(directory: str, block: PackedBlock, note: BlockNote) -> int | None:
    """Return the CRC-32 of those lines of the last block here that an overlapping block has too.

    directory: of the store. None if their segment is not here any more. Raises OSError and StoreError, and
    ValueError if the segment is damaged.
    """
    if block.start <= note.start:
        return note.crc
    at, end = note.at.offset + block.start.offset - note.start.offset, note.stored_end.offset
    told: list[str] = []
    crc = 0
    with View(directory, told.append) as view:
        found = view.open_segment(note.at.segment)
        if found is None:
            if view.damaged:
                raise ValueError(told[-1])
            return None
        with found:
            for start, text in found.lines_between(at, end):
                crc = zlib.crc32(text, crc)
                at = start + len(text)
    if at < end:
        raise ValueError(f"segment {note.at.segment} is shorter than its last block")
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
