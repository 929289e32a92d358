"""A cut through a store that is written: a place, all on the medium up to there, and its origins."""

from __future__ import annotations

import os

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.store.care.listed import StoreListing, opened_active
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.origins import origins
from logsrv.linelog.store.origins.notes import Note, parse_notes
from logsrv.linelog.store.segments.segment import Position
from logsrv.linelog.store.segments.torn import start_of_line

_TRIES = 1000


@attrs.frozen
class StoreCut:
    """A place in a store. fd: the file that was current.log then. notes: the last block of each origin."""

    place: Position
    fd: int
    listed: StoreListing
    notes: tuple[Note, ...]


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
            if after.startswith(before):
                found = [note for _, note in parse_notes(after) if note is not None]
                return _whole(place, found, fd, listed)
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise StoreError(f"blocks come into {disk.directory} faster than their places can be read")


def _whole(place: Position, found: list[Note], fd: int, listed: StoreListing) -> StoreCut:
    """Return a cut that is in no block: what is there of one comes again as a whole."""
    place = min([place, *(note.at for note in found if note.at < place < note.stop)])
    last = {note.origin: note for note in found if note.stop <= place}
    return StoreCut(place, fd, listed, tuple(last.values()))


def _data(disk: Disk) -> bytes:
    try:
        return disk.read(origins.NAME)
    except FileNotFoundError:
        return b""
