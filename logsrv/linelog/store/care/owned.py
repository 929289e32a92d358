"""The owner and the mode of the files of a store, whose server has to be able to use what others made."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.disk.disk import FILE_MODE, Disk
from logsrv.linelog.store.segments.backup_note import folders


def files_of(disk: Disk) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the paths of the plain files of a store and of its folders, with what they are by now."""
    for folder, inside in folders(disk, passed=OSError):
        for name, found in _files(inside):
            yield os.path.join(folder, name), found


def _files(disk: Disk) -> Iterator[tuple[str, os.stat_result]]:
    for name in sorted(disk.entries()):
        with contextlib.suppress(FileNotFoundError):
            found = disk.stat(name)
            if stat.S_ISREG(found.st_mode):
                yield name, found


def is_closed_or_open(found: os.stat_result) -> bool:
    """Return true for a file that its owner cannot use, or everybody may change."""
    return found.st_mode & 0o600 != 0o600 or bool(found.st_mode & stat.S_IWOTH)


def let_use(disk: Disk) -> None:
    """Give files that are closed or open the mode of all others. Raises OSError."""
    _change(disk, is_closed_or_open, lambda held: os.chmod(held, FILE_MODE))


def give_files_of_root(disk: Disk) -> None:
    """Let files of root belong to the owner of the directory, if we are root. Raises OSError.

    Root may have made them here, and the server could not use them.
    """
    if os.geteuid() != 0:
        return
    wanted = disk.stat(".")
    _change(
        disk,
        lambda found: found.st_uid == 0 != wanted.st_uid,
        lambda held: os.chown(held, wanted.st_uid, wanted.st_gid),
    )


def give_to(owner: os.stat_result, disk: Disk) -> None:
    """Let a directory, its folders, and the files of root in them belong to an owner. Raises OSError."""
    for _, folder in folders(disk):
        with Descriptor(folder.open(".", os.O_RDONLY | os.O_DIRECTORY)) as fd:
            os.fchown(fd, owner.st_uid, owner.st_gid)
    give_files_of_root(disk)


def _change(
    disk: Disk, wrong: Callable[[os.stat_result], bool], change: Callable[[int | str], None]
) -> None:
    """Change files that are wrong, each by its descriptor; those with a second name stay as they are.

    Whoever may write into the directory could let a name be that of any file, and root would change that.
    With O_PATH it needs no right to read a file, which its owner may have to give himself first.
    """
    for _, inside in folders(disk, passed=OSError):
        for name in [name for name, found in _files(inside) if wrong(found)]:
            try:
                fd = inside.open(name, getattr(os, "O_PATH", os.O_RDONLY))
            except FileNotFoundError:
                continue
            with Descriptor(fd):
                held = os.fstat(fd)
                if stat.S_ISREG(held.st_mode) and held.st_nlink == 1 and wrong(held):
                    change(f"/proc/self/fd/{fd}" if hasattr(os, "O_PATH") else fd)
