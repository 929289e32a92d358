"""The note of a backup, in its file `backup`: whether it is complete, and up to where.

    {"state":"complete","store":"32 hex digits","place":"17:52311","taken":"2026-…Z","lines":…} 1c291ca3

Each file that a backup brings has `.coming` behind its name at first. The state says how far it is:

    begun     files come for the first time: it has never been complete
    complete  it has all up to `place`; files of the next backup may be coming
    coming    all files are on the medium, and get their names; whoever uses it finishes that

So a backup changes in one step, which a crash may break off but not undo.

A backup is a store. Once a server writes into it, it is no backup any more, and the note is removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import attrs
from twisted.logger import Logger

from logsrv.errors import StoreError
from logsrv.kit.text.checked_json import checked_line, read_checked
from logsrv.linelog.store.segments.disk import Disk, explanation
from logsrv.linelog.store.segments.segment import BACKUP, FOLDERS, NOWHERE, Position, parse_position

log = Logger()
COMING = ".coming"
BEGUN, ARRIVING, COMPLETE = "begun", "coming", "complete"
_LONGEST = 4096


@attrs.frozen
class BackupNote:
    """The note. state: begun, coming or complete. command: `backup` or `restore`, which goes on with it.

    store: the identity; "" for none. place: up to where it has all lines. taken: the TIME of that. lines:
    how many it has; None if that is unknown.
    """

    state: str
    command: str
    store: str
    place: Position = NOWHERE
    taken: str = ""
    lines: int | None = None


def load(disk: Disk) -> BackupNote | None:
    """Return the note of a backup; None for what is no backup. Raises OSError and ValueError."""
    try:
        line = disk.read(BACKUP, _LONGEST)
    except FileNotFoundError:
        return None
    try:
        found = read_checked(line)
        return BackupNote(**{**found, "place": parse_position(found["place"])})
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{disk.path(BACKUP)} is damaged: {explanation(error)}") from error


def keep(disk: Disk, note: BackupNote) -> None:
    """Let a backup have a note, on the medium. Raises OSError."""
    found = {**attrs.asdict(note, recurse=False), "place": str(note.place)}
    disk.put(BACKUP, checked_line(found))


def arrive(disk: Disk, note: BackupNote) -> None:
    """Let all that has come have its name, at once for whoever uses the backup. Raises OSError."""
    for _, folder in folders(disk):
        folder.sync_directory()
    keep(disk, attrs.evolve(note, state=ARRIVING))
    _rename(disk)


def finish(disk: Disk) -> BackupNote | None:
    """Finish the last step of a backup, if one was broken off there; return the note.

    Raises OSError; StoreError for a backup that has never been complete, or whose note is damaged.
    """
    try:
        found = load(disk)
    except ValueError as error:
        raise StoreError(f"{error}; look whether all is there: logsrv doctor") from error
    if found is not None and found.state == BEGUN:
        raise StoreError(
            f"{disk.directory} has not come to its end: give the same `logsrv {found.command}` again to"
            " go on"
        )
    if found is not None and found.state == ARRIVING:
        _rename(disk)
        found = attrs.evolve(found, state=COMPLETE)
        keep(disk, found)
    return found


def end(disk: Disk) -> None:
    """Let a backup be a store like any other, for whoever is about to write into it.

    Raises as `finish` does.
    """
    if finish(disk) is None:
        return
    for _, folder in folders(disk):
        for name in folder.entries():
            if name.endswith(COMING):
                folder.unlink(name)
    disk.unlink(BACKUP)
    disk.sync_directory()


def take_over(disk: Disk) -> None:
    """Say that a server begins to write into a backup. Raises as `finish` does."""
    if disk.holds(BACKUP):
        end(disk)
        log.info(
            "{directory} was a backup; it is a store of its own from now on, and no backup goes there",
            directory=str(disk.directory),
        )


def folders(disk: Disk, *, passed: type[OSError] = FileNotFoundError) -> Iterator[tuple[str, Disk]]:
    """Yield the directory, as "", and the folders in it of places that are kept, each held open.

    passed: what is no error, and leaves a folder out. No link leads out of the directory.
    """
    yield "", disk
    for name in FOLDERS:
        try:
            inside = Disk().hold(disk.open(name, os.O_RDONLY | os.O_DIRECTORY))
        except passed:
            continue
        with inside:
            yield name, inside


def _rename(disk: Disk) -> None:
    for _, folder in folders(disk):
        for name in sorted(folder.entries()):
            if name.endswith(COMING):
                folder.rename(name, name.removesuffix(COMING))
        folder.sync_directory()
