"""The place where a shipper begins: the one that is kept, or where the operator wants it to."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from logsrv.linelog.read.follow import end_of
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.cutting.places import begin_at
from logsrv.linelog.ship.shipping.kept import ShipPlace
from logsrv.linelog.store.segments.segment import Position


class BeginPlace(NamedTuple):
    """A place to begin at, and whether it was kept."""

    position: Position
    kept: bool


def begin_place(
    view: View, kept: ShipPlace, store: str, ship_from: str, tell: Callable[[str], object]
) -> BeginPlace:
    """Return where to begin; `tell` gets a sentence about a kept place that is of no use.

    Raises OSError: a place that cannot be read now may be read later.
    """
    end = end_of(view)
    try:
        position = kept.load(store, end)
    except ValueError as error:
        position = None
        tell(f"{error}; lines are sent from {ship_from} on")
    if position is not None:
        return BeginPlace(position, kept=True)
    position = begin_at(view, ship_from, end)
    # At once: "the end" is to be the same place for a shipper that is killed before anything was taken.
    kept.save(store, position)
    return BeginPlace(position, kept=False)
