"""A store at one moment: a listing of its directory, and its active segment."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import (
    ACTIVE,
    away_segments,
    files_with_preferred,
    half_rotated_segments,
    saved_number,
)

TRIES = 1000


class StoreListing:
    """The names in the directory of a store, and its segments by number. Raises OSError.

    active: the number of the active segment. named: the sealed names that an unfinished rotation
    has given the active segment.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        # Read the number first: a rotation before the listing must not hide a segment.
        saved = saved_number(disk)
        self.names = disk.entries()
        self.named = half_rotated_segments(disk, self.names)
        if self.named:
            # A power cut may have kept the next number in its file, and undone the rotation.
            saved = self.named[-1].number
        self.files_with_preferred = files_with_preferred(disk, self.names)
        sealed = [one for one, preferred in self.files_with_preferred if one is preferred]
        self.by_number = {one.number: one for one in (*away_segments(self.names), *sealed)}
        self.active = max(saved, 1, *(number + 1 for number in self.by_number))

    @property
    def first_number(self) -> int:
        """The number of the first segment in the directory."""
        return min(self.by_number, default=self.active)


def open_active_and_list(disk: Disk) -> tuple[int, StoreListing]:
    """Return a descriptor of current.log for reading, and a listing in which that is the active segment.

    The descriptor is -1 if there is no current.log. Raises OSError.
    """
    for _ in range(TRIES):
        try:
            held = Descriptor(disk.open(ACTIVE, os.O_RDONLY))
        except FileNotFoundError:
            return -1, StoreListing(disk)
        with ExitStack() as undo:
            fd = undo.enter_context(held)
            listed = StoreListing(disk)
            if disk.leads_to(ACTIVE, fd):
                undo.pop_all()
                return fd, listed
    raise OSError(errno.EAGAIN, "the store begins a new segment all the time")
