"""The decision about a block by the place of its origin: it is taken, forgotten or refused (no I/O).

its Logsrv-To is not behind the place      forget: it is here
its Logsrv-After is the place              take
the first of an origin, no Logsrv-After    take
all else                                   refuse: the sender is to ask where its store is here

Where nobody can ask, as behind a stream, a block that begins with what is here, byte by byte, and goes on
behind it is taken from there.
"""

from __future__ import annotations

import enum
import zlib

import attrs

from logsrv.linelog.ship.blocks.block import PackedBlock
from logsrv.linelog.store.origins.notes import Note
from logsrv.linelog.store.segments.segment import Position


class Fate(enum.Enum):
    """The fate of a block."""

    TAKE = enum.auto()
    FORGET = enum.auto()
    REFUSE = enum.auto()


def fate(block: PackedBlock, place: Position | None) -> Fate:
    """Return what becomes of a block. place: up to where its origin is stored; None: nothing of it."""
    if place is not None and block.end <= place:
        return Fate.FORGET
    if block.after != place:
        return Fate.REFUSE
    hole = place is not None and place.segment == block.start.segment and place != block.start
    return Fate.REFUSE if hole and not block.gap else Fate.TAKE


def overlaps(block: PackedBlock, note: Note | None) -> bool:
    """Return whether a block has the last one of its origin in it, and goes on behind that."""
    if note is None or note.end.segment != block.end.segment:
        return False
    return block.start <= note.start and note.end < block.end


def rest_of(block: PackedBlock, text: bytes, note: Note | None) -> tuple[PackedBlock, bytes]:
    """Return what is not here of a block that overlaps, and of its text; else both as they are.

    Raises ValueError if what is here is something else.
    """
    if note is None or not overlaps(block, note):
        return block, text
    here, end = (place.offset - block.start.offset for place in (note.start, note.end))
    if zlib.crc32(text[here:end]) != note.crc:
        raise ValueError(f"from {note.start} to {note.end} it has other lines than are here")
    rest = text[end:]
    start = note.end
    return attrs.evolve(block, start=start, after=start, crc=zlib.crc32(rest), gap=""), rest
