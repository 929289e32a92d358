"""Changes of the owner of a store's files, so that the server can use files that root made."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.backup_note import store_folders


def plain_files_of_store(disk: Disk) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the paths of the plain files of a store and of its folders, each with its status."""
    for folder, inside in store_folders(disk, passed=OSError):
        for name, found in _plain_files_in_folder(inside):
            yield os.path.join(folder, name), found


def _plain_files_in_folder(disk: Disk) -> Iterator[tuple[str, os.stat_result]]:
    for name in sorted(disk.entries()):
        found = disk.stat_or_none(name)
        if found and stat.S_ISREG(found.st_mode):
            yield name, found


def give_files_of_root(disk: Disk) -> None:
    """Give files of root to the owner of the directory, if we are root. Raises OSError.

    A command that root ran may have made them, and the server could not use them.
    """
    if os.geteuid() != 0:
        return
    wanted = disk.stat(".")
    for _, inside in store_folders(disk, passed=OSError):
        for name in [
            name for name, found in _plain_files_in_folder(inside) if _is_of_root(found, wanted)
        ]:
            _give_file_to(name, inside, wanted)


def give_folder_of_root(folder: Disk, disk: Disk) -> None:
    """Give a folder that root made in a store to the store's owner, if we are root. Raises OSError."""
    wanted = disk.stat(".")
    with Descriptor(folder.open(".", os.O_RDONLY | os.O_DIRECTORY)) as fd:
        if os.geteuid() == 0 and _is_of_root(os.fstat(fd), wanted):
            os.fchown(fd, wanted.st_uid, wanted.st_gid)


def _is_of_root(found: os.stat_result, wanted: os.stat_result) -> bool:
    return found.st_uid == 0 != wanted.st_uid


def _give_file_to(name: str, inside: Disk, wanted: os.stat_result) -> None:
    """Give a file to an owner by its descriptor; a file with several hard links is left unchanged.

    Otherwise a user who may write into the directory could make a link to any file there, and root would
    give that file away.
    """
    try:
        fd = inside.open(name, os.O_RDONLY)
    except FileNotFoundError:
        return
    with Descriptor(fd):
        held = os.fstat(fd)
        if stat.S_ISREG(held.st_mode) and held.st_nlink == 1 and _is_of_root(held, wanted):
            os.fchown(fd, wanted.st_uid, wanted.st_gid)


def give_store_to(owner: os.stat_result, disk: Disk) -> None:
    """Give a directory, its folders, and the files of root in them to an owner. Raises OSError."""
    for _, folder in store_folders(disk):
        with Descriptor(folder.open(".", os.O_RDONLY | os.O_DIRECTORY)) as fd:
            os.fchown(fd, owner.st_uid, owner.st_gid)
    give_files_of_root(disk)
