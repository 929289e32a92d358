"""The place of a reader of several stores: a position in each, as text `17:5,audit/3:99`.

The position of one line is enough for a reader of one store: it goes on behind that line. For several
stores it would not do, because each of them grows by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from logsrv.linelog.store.segment import NOWHERE, Position, parse_named_position

MOST_STORES = 1000
"""The most positions in the text of a cursor."""


@attrs.frozen
class Cursor:
    """The position in each store, by its number, from which on its lines are still to come.

    If it lacks a store, that one begins at the time of the cursor's only line, or else at its first line.

    identities: of the stores of rules, as far as they are known; the text of a cursor does not have them.
    Another store may have come into the place of one: its positions are others.
    """

    positions: Mapping[int, Position]
    identities: Mapping[int, str] = attrs.field(factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the positions and identities as JSON can represent them."""
        return {
            "positions": {str(number): [*one] for number, one in self.positions.items()},
            "identities": {str(number): one for number, one in self.identities.items()},
        }

    def __str__(self) -> str:
        return ",".join(str(one) for _, one in sorted(self.positions.items()))


Place: TypeAlias = Position | Cursor
"""In one store a position, in several a cursor."""
NO_PLACE: Place = NOWHERE
NO_IDENTITIES: Mapping[int, str] = {}


def place_from_json(found: Any) -> Place:
    """Return a place that was written as JSON: a list, or what `Cursor.as_json` returns."""
    if isinstance(found, dict):
        positions, identities = found["positions"], found.get("identities", {})
        return Cursor(
            {int(number): Position(*one) for number, one in positions.items()},
            {int(number): one for number, one in identities.items()},
        )
    return Position(*found)


def parse_place(text: str) -> Place:
    """Return the position of a line, or the cursor, in a text. Raises ValueError."""
    if "," not in text:
        return parse_named_position(text)
    found = [parse_named_position(one) for one in text.split(",", MOST_STORES)]
    positions = {one.store: one for one in found}
    if len(positions) < len(found):
        raise ValueError("two positions of one store")
    return Cursor(positions)


def place_in(ends: Mapping[int, Position], identities: Mapping[int, str] = NO_IDENTITIES) -> Place:
    """Return positions in stores, by their numbers, as a place; in the main store alone its position."""
    return ends[0] if len(ends) == 1 else Cursor(ends, identities)


def positions_in(place: Place) -> Mapping[int, Position]:
    """Return the positions of a place by the numbers of their stores."""
    return {place.store: place} if isinstance(place, Position) else place.positions


def identities_in(place: Place) -> Mapping[int, str]:
    """Return the identities of stores of rules, as far as a place knows them, by the numbers of these."""
    return NO_IDENTITIES if isinstance(place, Position) else place.identities


def are_other_stores(identity: str, other: str) -> bool:
    """Return whether two identities are of two stores; False if one of them is unknown."""
    return bool(identity and other and identity != other)


def why_of_other_store(
    position: Position, identity: str, end: Position, present: str
) -> str | None:
    """Return why a saved position in the store of a rule is none in the store that is there; None if it is.

    identity: of the store of the position. end, present: the end and the identity of the one that is there.
    An identity is "" if it is unknown.
    """
    there, begin = f"a saved place is at {position}", f"lines count from its end on, {end}"
    if are_other_stores(identity, present):
        return f"{there} of store {identity}, and now this is store {present}: {begin}"
    if position > end:
        return f"{there}, and this store ends at {end}: {begin}"
    return None


def in_present_stores(saved: Place, end: Place, tell: Callable[[str], object]) -> Place:
    """Return a saved place with the present end of each store of a rule that is not the one of the place.

    end: the ends of the stores that are there; the identities of these are in the result. tell: gets a
    sentence for each that is another.
    """
    positions, ends = {**positions_in(saved)}, positions_in(end)
    identities, present = {**identities_in(saved)}, identities_in(end)
    for number in positions.keys() & ends.keys() - {0}:
        known, found = identities.get(number, ""), present.get(number, "")
        why = why_of_other_store(positions[number], known, ends[number], found)
        if why is not None:
            tell(why)
            positions[number] = ends[number]
        if found:
            identities[number] = found
    return place_in(positions, identities)


def has_reached(place: Place, until: Place) -> bool:
    """Return whether a reader has all lines before `until`; one that left a store waits for none of it."""
    there = positions_in(until)
    return all(
        position >= there[number]
        for number, position in positions_in(place).items()
        if number in there
    )


def start_of_store(number: int) -> Position:
    """Return the first position that a store can have."""
    return Position(1, 0).in_store(number)


def begin_after(after: Place, end: Place) -> Place:
    """Return where a reader begins that has all up to a cursor, or up to a line.

    end: of the stores. If several are read and `after` is a line, only its store is in the result.
    """
    if isinstance(after, Position):
        # No line begins at the end yet, so the client cannot have that line already.
        begin = after if after == positions_in(end).get(after.store) else after.beside(1)
        return begin if isinstance(end, Position) else Cursor({after.store: begin})
    if isinstance(end, Position):
        return after.positions.get(0, end)
    return widened(after, end)


def widened(begin: Place, end: Place) -> Place:
    """Return a place with a position in each store of `end`; a new store begins at its first line."""
    if isinstance(end, Position):
        return begin
    known = positions_in(begin)
    return Cursor({number: known.get(number, start_of_store(number)) for number in end.positions})


def has_all(begin: Place, stores: Iterable[int]) -> bool:
    """Return whether a place has a position in each of some stores."""
    return {*stores} <= {*positions_in(begin)}
