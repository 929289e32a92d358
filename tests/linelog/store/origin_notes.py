"""Notes of the blocks of two origins, and texts for them."""

import zlib

from logsrv.linelog.store.blocks import BlockNote
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.origins import Origins
from logsrv.linelog.store.segment import Position

ONE, OTHER = 32 * "a", 32 * "b"
TEXTS = [b"one of the first\n" * 9, b"and of the second\n" * 7]


def note(origin: str, text: bytes, at: Position, start: int = 0) -> BlockNote:
    end = Position(3, start + len(text))
    return BlockNote(at, origin, Position(3, start), end, zlib.crc32(text))


def two(number: int = 5, before: int = 4) -> list[BlockNote]:
    """Notes of two blocks, one behind the other."""
    first = note(ONE, TEXTS[0], Position(number, before))
    return [first, note(OTHER, TEXTS[1], first.stored_end)]


def written(disk: Disk, *notes: BlockNote) -> None:
    origins = Origins(disk)
    origins.write_notes(notes)
    origins.close()
