"""The note of a backup, in its file `backup`: whether the backup is complete, and up to which position.

    {"state":"complete","store":"32 hex digits","place":"17:52311","taken":"2026-…Z","lines":…,
     "files":["store","origins","ship/siem"]} 1c291ca3

It is one line. "files" are those without which a store would send or take lines twice: its identity, the
places of the stores that ship to it, and those of its targets and alerts. A backup that lacks one was not
carried whole to where it is: nothing is restored from it, and no server starts on it.

Files arrive as `NAME.coming`. The state says how far the backup is:

    begun     files arrive for the first time: the backup has never been complete
    complete  it has all lines up to `place`; files of the next backup may be arriving
    coming    all files are on the medium and are being renamed; the next user of the backup finishes this

So a backup changes in one step. A crash may interrupt this step but not undo it.

A backup is a store. Before a server writes into it, the note is removed: it is an ordinary store then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import attrs
from twisted.logger import Logger

from logsrv.errors import StoreError
from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.segment import BACKUP, FOLDERS, NOWHERE, Position, parse_position

log = Logger()
COMING = ".coming"
BEGUN, ARRIVING, COMPLETE = "begun", "coming", "complete"
_LONGEST = 1 << 20


@attrs.frozen
class BackupNote:
    """The note of a backup. state: begun, coming or complete.

    command: `backup` or `restore`, the command that can continue it. store: the identity of the store; ""
    for none. place: the position up to which the backup has all lines. taken: the TIME of the backup.
    lines: the number of its lines; None if that is unknown. files: the names of the files that it must
    have; older versions noted none.
    """

    state: str
    command: str
    store: str
    place: Position = NOWHERE
    taken: str = ""
    lines: int | None = None
    files: tuple[str, ...] = ()


def load(disk: Disk) -> BackupNote | None:
    """Return the note of a backup; None if the store is no backup. Raises OSError and ValueError."""
    if (line := disk.read_or_none(BACKUP, _LONGEST)) is None:
        return None
    try:
        found = read_json_then_checksum(line)
        place, files = parse_position(found["place"]), tuple(map(str, found.get("files", ())))
        return BackupNote(**{**found, "place": place, "files": files})
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{disk.path(BACKUP)} is damaged: {explanation(error)}") from error


def save_backup_note(disk: Disk, note: BackupNote) -> None:
    """Write and sync the note of a backup. Raises OSError."""
    found = {**attrs.asdict(note, recurse=False), "place": str(note.place)}
    disk.replace_durably(BACKUP, json_then_checksum(found))


def rename_arrived_files(disk: Disk, note: BackupNote) -> None:
    """Rename all files that arrived, in one step for users of the backup. Raises OSError."""
    for _, folder in store_folders(disk):
        folder.sync_directory()
    save_backup_note(disk, attrs.evolve(note, state=ARRIVING))
    _rename_arrived(disk)


def finish_renaming(disk: Disk) -> BackupNote | None:
    """Finish the renaming of an interrupted backup; return the note, or None if the store is no backup.

    Raises OSError; StoreError for a backup that has never been complete, or whose note is damaged.
    """
    try:
        found = load(disk)
    except ValueError as error:
        raise StoreError(f"{error}; `logsrv doctor` tells whether it is complete") from error
    if found is not None and found.state == BEGUN:
        raise StoreError(
            f"{disk.directory} is not complete: give the same `logsrv {found.command}` again to continue"
        )
    if found is not None and found.state == ARRIVING:
        _rename_arrived(disk)
        found = attrs.evolve(found, state=COMPLETE)
        save_backup_note(disk, found)
    return found


def missing_files(disk: Disk, note: BackupNote) -> list[str]:
    """Return the names of the noted files that a backup lacks."""
    return [name for name in note.files if not disk.has_name(name)]


def require_whole_backup(disk: Disk) -> BackupNote | None:
    """Finish the renaming of a backup before it is used; return its note, or None if it is no backup.

    Raises the errors of `finish_renaming`, and StoreError if files are missing.
    """
    found = finish_renaming(disk)
    if found is not None and (gone := missing_files(disk, found)):
        raise StoreError(
            f"{disk.directory} is a backup without its file {gone[0]}: lines would be sent or taken twice;"
            " copy it again from where the backup was made"
        )
    return found


def make_ordinary_store(disk: Disk) -> None:
    """Make a backup an ordinary store before it is written to. Raises as `require_whole_backup` does."""
    if require_whole_backup(disk) is None:
        return
    for _, folder in store_folders(disk):
        for name in folder.entries():
            if name.endswith(COMING):
                folder.unlink(name)
    disk.unlink(BACKUP)
    disk.sync_directory()


def take_over_for_server(disk: Disk) -> None:
    """Make a backup an ordinary store for a server, and log that. Raises as `require_whole_backup` does."""
    if disk.has_name(BACKUP):
        make_ordinary_store(disk)
        log.info(
            "{directory} was a backup; it is an ordinary store from now on: back up into another directory",
            directory=str(disk.directory),
        )


def store_folders(
    disk: Disk, *, passed: type[OSError] = FileNotFoundError
) -> Iterator[tuple[str, Disk]]:
    """Yield the directory as ("", disk), then the name and the open `Disk` of each folder of saved places.

    passed: the kind of error after which a folder is left out. Symbolic links are not followed.
    """
    yield "", disk
    for name in FOLDERS:
        try:
            inside = Disk().use_descriptor(disk.open(name, os.O_RDONLY | os.O_DIRECTORY))
        except passed:
            continue
        with inside:
            yield name, inside


def _rename_arrived(disk: Disk) -> None:
    for _, folder in store_folders(disk):
        for name in sorted(folder.entries()):
            if name.endswith(COMING):
                folder.rename(name, name.removesuffix(COMING))
        folder.sync_directory()
