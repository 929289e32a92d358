"""The decision about a block by the place of its origin: it is taken, forgotten or refused (no I/O).

its Logsrv-To is not behind the place      forget: it is here
its Logsrv-After is the place              take
the first of an origin, no Logsrv-After    take
all else                                   refuse: the sender is to ask where its store is here
"""

from __future__ import annotations

import enum

from logsrv.linelog.ship.blocks.block import PackedBlock
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
