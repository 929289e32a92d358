"""Sizes of segments that wait to be compressed, or have waited: one with less text by now was cut.

The file `waiting` has them as `{"17":268435456,"18":1048576} 561bacaf`, number and bytes of text, the
newest last. It is written when all of a segment is on the medium, and is not synced itself: whatever a
power cut leaves was true.
"""

from __future__ import annotations

import contextlib

from logsrv.kit.text.checked_json import checked_line, read_checked
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.removed import note_empty
from logsrv.linelog.store.segments.segment import Segment, save_number

WAITING = "waiting"
# Numbers that are kept: hardly ever do so many wait.
_MOST = 1000
_LARGEST = 64 << 10


def waiting_sizes(disk: Disk) -> dict[int, int]:
    """Return the sizes by the numbers; none if the file cannot be read or is damaged."""
    try:
        return read_waiting(disk)
    except (OSError, ValueError):
        return {}


def read_waiting(disk: Disk) -> dict[int, int]:
    """Return what the file says. Raises OSError, and ValueError if it is damaged."""
    found = read_checked(disk.read(WAITING, _LARGEST))
    if not all(isinstance(size, int) for size in found.values()):
        raise ValueError("it has a size that is no number")
    return {int(number): size for number, size in found.items()}


def note_waiting(number: int, size: int, disk: Disk) -> None:
    """Let the file `waiting` have a segment as well. Raises OSError."""
    known = [*waiting_sizes(disk).items(), (number, size)][-_MOST:]
    disk.replace(WAITING, checked_line({str(one): size for one, size in known}), sync=False)


def remove_empty(plain: Segment, active: int, disk: Disk) -> None:
    """Remove a plain segment without lines. active: the number of the active one. Raises OSError."""
    # Its name tells the numbers that are used up; from now on the file `number` does.
    save_number(active, disk)
    # Without it, whoever is told of lines that are gone is told too much. One that was cut had lines.
    with contextlib.suppress(OSError):
        if not waiting_sizes(disk).get(plain.number):
            note_empty(plain.number, disk)
    disk.unlink(plain.name)
