"""A store at one moment: a listing of its directory, and the newest place that is safe to copy up to."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.linelog.store import origins
from logsrv.linelog.store.blocks import NotesFile, make_notes_file, parse_notes_file
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import (
    ACTIVE,
    Position,
    away_segments,
    files_with_preferred,
    half_rotated_segments,
    saved_number,
)
from logsrv.linelog.store.torn import start_of_line

_TRIES = 1000


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
    for _ in range(_TRIES):
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


@attrs.frozen
class StoreCut:
    """A place in a store. fd: current.log at that time. origins: the notes of blocks before the place."""

    place: Position
    fd: int
    listed: StoreListing
    origins: NotesFile


def cut_between_lines(disk: Disk) -> StoreCut:
    """Return the newest place after a whole line and outside a block; the caller closes its `fd`.

    Raises OSError and StoreError.
    """
    for _ in range(_TRIES):
        before = disk.read_or_none(origins.NAME)
        fd, listed = open_active_and_list(disk)
        if fd < 0:
            raise StoreError(
                f"{disk.directory} is no store of logsrv: there is no current.log in it"
            )
        try:
            size = os.fstat(fd).st_size
            os.fdatasync(fd)
            place = Position(listed.active, start_of_line(fd, size))
            after = disk.read_or_none(origins.NAME)
            # If the notes file was rewritten meanwhile, it may lack notes of blocks before the place. Then
            # try again.
            if (after or b"").startswith(before or b""):
                found = NotesFile() if after is None else parse_notes_file(after)
                return _cut_between_blocks(place, found, fd, listed)
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise StoreError(f"blocks come into {disk.directory} faster than their places can be read")


def _cut_between_blocks(
    place: Position, found: NotesFile, fd: int, listed: StoreListing
) -> StoreCut:
    """Return a cut that splits no block: an incomplete block is left to the next backup."""
    place = min([place, *(note.at for note in found.notes if note.at < place < note.stored_end)])
    notes = [note for note in found.notes if note.stored_end <= place]
    return StoreCut(place, fd, listed, make_notes_file(notes, found))
