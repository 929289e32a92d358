"""The places that readers of a store have kept, in `ship/` and `alerts/`: are they places of this store?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from logsrv.linelog.store.care.doctor.findings import StoreFinding, damaged, note
from logsrv.linelog.store.care.listed import StoreListing
from logsrv.linelog.store.segments.segment import NOWHERE, Position


class KeptPlace(NamedTuple):
    """A kept place. name: `ship/NAME` or `alerts/N`. wrong: why it cannot be read, or "".

    store: the identity of the store that it is of; "" for none.
    """

    name: str
    position: Position = NOWHERE
    store: str = ""
    wrong: str = ""


def check_place(
    place: KeptPlace, listed: StoreListing, store: str, size_of: Callable[[int], int | None]
) -> Iterator[StoreFinding]:
    """Yield what is wrong with a place.

    store: the identity; "" for none. size_of: returns the bytes of text of a segment, the active one too;
    None: unknown.
    """
    ships = place.name.startswith("ship/")
    again = (
        "Its target gets lines again from --ship-from on; one of blocks says itself what it has."
        if ships
        else "This alert begins at the end of the store: it tells of no line from before."
    )
    advice = "Look at --ship-from before the next start." if ships else ""
    if place.wrong:
        yield damaged("place", place.name, place.wrong, f"No line is lost. {again}", advice)
        return
    if place.store and store and place.store != store:
        yield note(
            "place-foreign",
            place.name,
            f"it is of another store, {place.store}",
            f"It counts for nothing here. {again}",
            advice,
        )
        return
    number, offset = place.position
    end = Position(listed.active, size_of(listed.active) or 0)
    if place.position > end:
        yield damaged(
            "place-behind",
            place.name,
            f"it is at {place.position}, and the store ends at {end}",
            f"Lines that were here when it was saved are gone, or it is of a copy that went on. {again}",
            "Is this an older copy of the store? See: logsrv ship --new-identity" if ships else "",
        )
    elif number not in listed.by_number and number != listed.active:
        if number >= listed.first and not any(number in run for run in listed.excused):
            yield damaged(
                "place-missing",
                place.name,
                f"it is in segment {number}, which is missing",
                "What of that was not sent or told is not here to be sent.",
                "Bring back the segment, if a backup has it.",
            )
        elif number < listed.first:
            yield note(
                "place-removed",
                place.name,
                f"it is in segment {number}, and the first that is here is {listed.first}",
                "What was removed before it was sent or told is passed over, and said.",
            )
    elif (size := size_of(number)) is not None and offset > size:
        yield damaged(
            "place-behind",
            place.name,
            f"it is at byte {offset:,} of segment {number}, which has {size:,}",
            "Lines that were here when it was saved are gone, or it is of a copy that went on.",
            "Is this an older copy of the store? See: logsrv ship --new-identity" if ships else "",
        )
