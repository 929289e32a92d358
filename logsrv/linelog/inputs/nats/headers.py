"""The headers of a block out of a stream, as the place of its store here makes them (no I/O).

A stream is not asked where a store is here, so it may have let go of what came before: of the oldest, by
its limits, or of all.
"""

from __future__ import annotations

from collections.abc import Mapping

from logsrv.linelog.ship.blocks.block import UNKNOWN
from logsrv.linelog.store.segments.segment import Position, parse_position

AFTER, START, GAP = "Logsrv-After", "Logsrv-From", "Logsrv-Gap"


def placed(
    headers: Mapping[str, str], place: Position | None, *, passes_holes: bool
) -> dict[str, str]:
    """Return the headers by which a block is judged; place: up to where its store is here.

    Of a store that is new here whatever is there first is the beginning. A block that begins at the place
    follows it. passes_holes: so does each that is behind it, with a gap.
    """
    found = {name: value for name, value in headers.items() if name.startswith("Logsrv-")}
    if place is None:
        found.pop(AFTER, None)
        return found
    try:
        start = parse_position(found.get(START, ""))
    except ValueError:
        return found
    if start == place:
        found.setdefault(AFTER, str(place))
    elif start > place and passes_holes and found.get(AFTER) != str(place):
        found[AFTER] = str(place)
        found.setdefault(GAP, UNKNOWN)
    return found
