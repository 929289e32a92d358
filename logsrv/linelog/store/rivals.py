"""Files that have the number of a segment that another file is: what a crash, or a person, left.

A crash between the steps of a sealing leaves a segment in both forms; a person may put any file beside
a segment. So none is removed but what the other form of the same name holds, byte by byte.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from twisted.logger import Logger

from logsrv.linelog.store import index
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Form, Segment, rivals

log = Logger()


def holder(plain: Segment, packed: Segment, disk: Disk) -> Form | None:
    """Return the form that holds all that the other one does; None if neither. Raises OSError."""
    offset = 0
    fd = disk.open(plain.name, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        try:
            for text, _ in index.frames(packed, disk):
                same = os.pread(fd, len(text), offset)
                if not text.startswith(same):
                    return None
                if len(same) < len(text):
                    return Form.PACKED
                offset += len(text)
        except ValueError:
            return Form.PLAIN
    finally:
        os.close(fd)
    return Form.PACKED if offset == size else Form.PLAIN


def settle(disk: Disk, known: set[str], below: int, say: Callable[..., object]) -> None:
    """Remove what is there twice of the segments below number `below`; leave the rest, and say so.

    `known` has the names that were said before, and takes those that are said now. `say` is called
    with a method of a logger and its arguments. Raises OSError.
    """
    found = [(one, counted) for one, counted in rivals(disk) if one.number < below]
    known.intersection_update(one.name for one, _ in found)
    for one, counted in found:
        if one.name not in known and not _same(one, counted, disk, say):
            known.add(one.name)
            say(
                log.warn,
                "{path} has the number of {counted} and is not the same; both are left as they are, and"
                " only the second is read, as segment {number}",
                path=disk.path(one.name),
                counted=counted.name,
                number=counted.number,
            )


def _same(one: Segment, counted: Segment, disk: Disk, say: Callable[..., object]) -> bool:
    """Remove one of two forms of the same segment; false if that would lose anything."""
    if one.packed != counted.packed:
        return False
    held = holder(one, counted, disk)
    if held is None:
        return False
    if held is Form.PACKED:
        disk.unlink(one.name)
        gone, kept = one, counted
    else:
        disk.unlink(counted.name)
        disk.unlink(counted.index)
        gone, kept = counted, one
    disk.sync_directory()
    say(
        log.info,
        "removed {path}: all that can be read of it is in {kept} as well",
        path=disk.path(gone.name),
        kept=kept.name,
    )
    return True
