"""The file `waiting`: the sizes of segments that wait to be compressed, to notice a shortened one.

The file is a line `{"17":268435456,"18":1048576} 561bacaf`: the numbers of segments, the newest last, with
the bytes of their texts, and a checksum. A segment is noted when all of it is on the medium, and stays
noted after it is compressed. The file itself is not synced, because an older version of it is still true.
"""

from __future__ import annotations

import contextlib

from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.removed import note_empty
from logsrv.linelog.store.segment import Segment, save_number

WAITING = "waiting"
# The most segments in the file. The oldest of more are left out; hardly ever do so many wait.
_MOST = 1000
_LARGEST = 64 << 10


def waiting_sizes(disk: Disk) -> dict[int, int]:
    """Return the bytes of text by segment number; none if the file cannot be read or is damaged."""
    return read_or({}, read_waiting, disk)


def read_waiting(disk: Disk) -> dict[int, int]:
    """Return the bytes of text by segment number. Raises OSError, and ValueError if it is damaged."""
    found = read_json_then_checksum(disk.read(WAITING, _LARGEST))
    if not all(isinstance(size, int) for size in found.values()):
        raise ValueError("it has a size that is no number")
    return {int(number): size for number, size in found.items()}


def note_waiting(number: int, size: int, disk: Disk) -> None:
    """Add a segment to the file `waiting`. size: the bytes of its text. Raises OSError."""
    known = [*waiting_sizes(disk).items(), (number, size)][-_MOST:]
    disk.replace(WAITING, json_then_checksum({str(one): size for one, size in known}), sync=False)


def remove_empty_segment(plain: Segment, active: int, disk: Disk) -> None:
    """Remove a plain segment without lines. active: the number of the active one. Raises OSError."""
    # The name of the file shows that its number was used; from now on the file `number` shows this.
    save_number(active, disk)
    # If the note cannot be written, readers are told that text may be missing. A segment that somebody
    # emptied did have lines, so it gets no note.
    with contextlib.suppress(OSError):
        if not waiting_sizes(disk).get(plain.number):
            note_empty(plain.number, disk)
    disk.unlink(plain.name)
