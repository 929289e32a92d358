"""A cut through a store that is written: a place, all on the medium up to there, and its origins."""

from __future__ import annotations

import os

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.store.care.listed import StoreListing, opened_active
from logsrv.linelog.store.origins import origins
from logsrv.linelog.store.origins.notes import NotesFile, notes_file, read_notes
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Position
from logsrv.linelog.store.segments.torn import start_of_line

_TRIES = 1000


@attrs.frozen
class StoreCut:
    """A place in a store. fd: the file that was current.log then. origins: the last block of each."""

    place: Position
    fd: int
    listed: StoreListing
    origins: NotesFile


def cut(disk: Disk) -> StoreCut:
    """Return the newest place of a store, behind a whole line and a whole block; the file is the caller's.

    Raises OSError and StoreError.
    """
    for _ in range(_TRIES):
        before = _data(disk)
        fd, listed = opened_active(disk)
        if fd < 0:
            raise StoreError(
                f"{disk.directory} is no store of logsrv: there is no current.log in it"
            )
        try:
            size = os.fstat(fd).st_size
            os.fdatasync(fd)
            place = Position(listed.active, start_of_line(fd, size))
            after = _data(disk)
            # A file that was written anew meanwhile may lack blocks from before the place.
            if (after or b"").startswith(before or b""):
                found = NotesFile() if after is None else read_notes(after)
                return _whole(place, found, fd, listed)
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise StoreError(f"blocks come into {disk.directory} faster than their places can be read")


def _whole(place: Position, found: NotesFile, fd: int, listed: StoreListing) -> StoreCut:
    """Return a cut that is in no block: what is there of one comes again as a whole."""
    place = min([place, *(note.at for note in found.notes if note.at < place < note.stop)])
    notes = [note for note in found.notes if note.stop <= place]
    return StoreCut(place, fd, listed, notes_file(notes, found))


def _data(disk: Disk) -> bytes | None:
    try:
        return disk.read(origins.NAME)
    except FileNotFoundError:
        return None
