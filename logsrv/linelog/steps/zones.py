"""Zones of time: how far clocks are ahead of UTC, and when that changes.

All moments are whole microseconds since 1970. A time of clocks, `wall`, is written as the moment at which a
clock in UTC shows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from logsrv.kit.text.words import shown
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    import zoneinfo
else:
    # Most who count by steps do so in UTC.
    zoneinfo = later_module("zoneinfo")

SECOND = 1_000_000
DAY = 86_400 * SECOND
LOCAL = "local"
"""The name of the zone of this process: of TZ, or of the machine."""
UTC = ""
"""The name of UTC."""
_UTC_NAMES = frozenset(
    ("", "UTC", "Etc/UTC", "Z", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT", "GMT", "Etc/GMT")
)
_LONGEST = 64
# No clock is further from UTC; on the way over the date line, two days of them touch.
_FURTHEST = 16 * 3600 * SECOND
# Seconds: datetime has no times before or after these, whatever the offset.
_FIRST, _LAST = -62_135_000_000, 253_402_000_000
# Between two looks at a zone's offset there is no more than one change.
_LOOK = 6 * 3600


class Zone:
    """The offsets of a zone.

    offset_at: seconds since 1970 → seconds by which its clocks are ahead of UTC.
    """

    def __init__(self, offset_at: Callable[[int], int]) -> None:
        self._offset_at = lru_cache(maxsize=4096)(offset_at)
        self._pieces_of_day = lru_cache(maxsize=4096)(self._find_pieces)

    def pieces(self, begin: int, end: int) -> list[tuple[int, int]]:
        """Return the offsets from begin to end: from when on, and how far clocks are ahead then.

        The first piece begins at or before `begin`, the others where the offset changes.
        """
        found: list[tuple[int, int]] = []
        for day in range(begin // DAY, end // DAY + 1):
            for start, offset in self._pieces_of_day(day):
                if not found or found[-1][1] != offset:
                    found.append((start, offset))
        return found

    def wall_of(self, moment: int) -> int:
        """Return what clocks show at a moment."""
        return moment + self._offset_at(moment // SECOND) * SECOND

    def moment_of(self, wall: int) -> int:
        """Return the first moment at which clocks show this time, or a later one if they leave it out."""
        return next(self._moments_from(wall))

    def moments_of(self, wall: int) -> list[int]:
        """Return all moments at which clocks show this time: mostly one, none or two at a change."""
        return [one for one in self._moments_from(wall) if self.wall_of(one) == wall]

    def _moments_from(self, wall: int) -> Iterator[int]:
        pieces = self.pieces(wall - _FURTHEST, wall + _FURTHEST)
        ends = [start for start, _ in pieces[1:]]
        for (start, offset), end in zip(pieces, [*ends, wall + 2 * _FURTHEST], strict=True):
            moment = max(start, wall - offset)
            if moment < end:
                yield moment

    def _find_pieces(self, day: int) -> tuple[tuple[int, int], ...]:
        begin = day * 86_400
        known = self._offset_at(begin)
        found = [(begin * SECOND, known * SECOND)]
        for second in range(begin + _LOOK, begin + 86_401, _LOOK):
            # The last look is at the first second of the next day.
            offset = self._offset_at(second)
            if offset != known:
                change = self._first_of(second - _LOOK, second, offset)
                if change < begin + 86_400:
                    found.append((change * SECOND, offset * SECOND))
                known = offset
        return tuple(found)

    def _first_of(self, before: int, second: int, offset: int) -> int:
        while second - before > 1:
            middle = (before + second) // 2
            if self._offset_at(middle) == offset:
                second = middle
            else:
                before = middle
        return second


def zone_name(text: str) -> str:
    """Return the name of a zone, "" for UTC. Raises ValueError with a sentence for an unknown one."""
    name = UTC if text in _UTC_NAMES else text
    if name and name != LOCAL:
        zone_of(name)
    return name


@lru_cache(maxsize=64)
def zone_of(name: str) -> Zone:
    """Return the zone with this name. Raises ValueError with a sentence if Python knows none."""
    if name == UTC:
        return Zone(lambda _: 0)
    if name == LOCAL:
        return Zone(lambda second: time.localtime(min(max(second, _FIRST), _LAST)).tm_gmtoff)
    try:
        if len(name) > _LONGEST:
            raise ValueError
        zone = zoneinfo.ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        raise ValueError(
            f"this machine knows no zone {shown(name)}; zones are such as Europe/Berlin, UTC. If the name "
            "is right, its data are missing: install the package tzdata"
        ) from None

    def offset_at(second: int) -> int:
        moment = datetime.fromtimestamp(min(max(second, _FIRST), _LAST), zone)
        return round((moment.utcoffset() or _NO_OFFSET).total_seconds())

    return Zone(offset_at)


_NO_OFFSET = datetime.min - datetime.min
