"""Blocks of lines from other stores: stored exactly once, and synced before they are confirmed."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.internet.defer import Deferred

from logsrv.linelog.batch import Buffer
from logsrv.linelog.store.notes import BlockNote
from logsrv.linelog.store.segment import Position


@attrs.frozen
class PendingBlock:
    """A block of an origin, unpacked and checked: whole lines, which are stored unchanged.

    start, end: its place in the store of the origin. crc: the CRC-32 of its text. lines: the number of its
    lines. sequence: the number that its sender gave it. stored: fires when the block is on the medium.
    """

    origin: str
    start: Position
    end: Position
    crc: int
    text: bytes = attrs.field(repr=False)
    lines: int
    sequence: int | None = None
    stored: Deferred[None] = attrs.field(factory=Deferred, eq=False, repr=False)


class Deposit:
    """Pending blocks that are written together, one after the other.

    place: their beginning in this store; None before it is noted. written: the bytes written so far.
    """

    def __init__(self, pending_blocks: Sequence[PendingBlock]) -> None:
        self.pending_blocks = pending_blocks
        self.place: Position | None = None
        self.written = 0
        self.notes: list[BlockNote] = []

    @property
    def texts(self) -> list[Buffer]:
        return [pending.text for pending in self.pending_blocks]

    def goes_on_at(self, position: Position) -> bool:
        """Return whether writing has begun, and `position` is the place for the next byte."""
        return self.place is not None and position == (
            self.place.segment,
            self.place.offset + self.written,
        )

    def make_notes(self, position: Position) -> None:
        """Make the notes of the blocks; the first block begins at `position`."""
        self.place, self.written, self.notes = position, 0, []
        number, offset = position
        for each in self.pending_blocks:
            at = Position(number, offset)
            self.notes.append(
                BlockNote(at, each.origin, each.start, each.end, each.crc, each.sequence)
            )
            offset += len(each.text)
