"""Sizes of segments that retention has removed: whoever is at the end of one has missed nothing there.

The file `removed` has them, as `removed 17:268435456 18:1048576`, number and bytes of text, the newest
last, with its sum (kit/text/sums.py).
"""

from __future__ import annotations

from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.segments.empty import empty_numbers, noted_words, words_of
from logsrv.linelog.store.segments.segment import Position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

REMOVED = "removed"
# Numbers that are kept: a reader is hardly ever behind so many of them.
_MOST = 1000
_LARGEST = 64 << 10


def removed_sizes(disk: Disk) -> dict[int, int]:
    """Return the sizes by the numbers, in order; those that the file has, if it can be read."""
    try:
        return read_removed(disk)
    except (OSError, ValueError):
        return {}


def read_removed(disk: Disk) -> dict[int, int]:
    """Return what the file says. Raises OSError, and ValueError if it is damaged."""
    pairs = [word.split(":") for word in words_of(disk.read(REMOVED, _LARGEST), REMOVED)]
    return {int(number): int(size) for number, size in pairs}


def note_removed(sizes: Mapping[int, int], disk: Disk) -> None:
    """Let the file `removed` have some more. Raises OSError."""
    known = sorted({**removed_sizes(disk), **sizes}.items())[-_MOST:]
    disk.replace(REMOVED, noted_words(REMOVED, (f"{number}:{size}" for number, size in known)))


def missed(position: Position, following: int, disk: Disk) -> int | None:
    """Return how many bytes there were from a place to the segment `following`, of segments that are gone.

    None where nobody knows.
    """
    sizes, runs = removed_sizes(disk), empty_numbers(disk)
    number, total = position.segment, -position.offset
    while number < following:
        if number in sizes:
            total += sizes[number]
            number += 1
            continue
        run = next((run for run in runs if number in run), None)
        if run is None:
            return None
        number = run.stop
    return total if total >= 0 else None
