"""Sizes of segments that retention has removed: whoever is at the end of one has missed nothing there.

The file `removed` has them, as `17:268435456 18:1048576`, number and bytes of text, the newest last.
"""

from __future__ import annotations

from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.segments.empty import empty_numbers
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
        words = disk.read(REMOVED, _LARGEST).decode("latin-1").split()
        pairs = [word.split(":") for word in words]
        return {int(number): int(size) for number, size in pairs}
    except (OSError, ValueError):
        return {}


def note_removed(sizes: Mapping[int, int], disk: Disk) -> None:
    """Let the file `removed` have some more. Raises OSError."""
    known = sorted({**removed_sizes(disk), **sizes}.items())[-_MOST:]
    text = " ".join(f"{number}:{size}" for number, size in known)
    disk.replace(REMOVED, f"{text}\n".encode())


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
