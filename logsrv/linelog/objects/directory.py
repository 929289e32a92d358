"""An archive in a directory, which may be mounted by NFS, or on a removable disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from logsrv.descriptor import Descriptor, pieces_between
from logsrv.linelog.objects.interface import ArchiveError, ObjectExists, ObjectMissing
from logsrv.linelog.store.disk import TMP_SUFFIX, Disk, make_directory

_OLD = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_ONCE = 1 << 24
# Errors of `os.link` on file systems without hard links, such as those of cameras and of Windows.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)


class DirectoryArchive:
    """A directory as an archive. It has to exist: a missing one, which may be unmounted, is not made.

    Only stores may write into it, each into the folder with its identity.
    """

    def __init__(self, path: str) -> None:
        self.address = f"file://{path}"
        self._path = path

    def names(self, prefix: str = "", after: str = "") -> list[str]:
        """Return the names of all files below `prefix`."""
        with self._archive_errors(prefix or "."):
            self._require_directory()
            return [name for name, _ in self._files_below(prefix) if name > after]

    def sizes(self, prefix: str, after: str = "", until: str = "") -> dict[str, int]:
        with self._archive_errors(prefix):
            self._require_directory()
            return {
                name: entry.stat(follow_symlinks=False).st_size
                for name, entry in self._files_below(prefix)
                if name > after and (not until or name < until)
            }

    def top_folders(self) -> list[str]:
        """Return the names of the directories in the archive."""
        with self._archive_errors("."):
            self._require_directory()
            with os.scandir(self._path) as found:
                return [one.name for one in found if one.is_dir(follow_symlinks=False)]

    def _files_below(self, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        folders = [prefix]
        while folders:
            folder = folders.pop()
            path = os.path.join(self._path, folder)
            # Inside the folder of a store no symbolic link is followed, because somebody else's archive may
            # have one to `/`. The folder itself may be a link, which the owner of the archive has made.
            if folder.count("/") > 1 and not _is_real_folder(path.rstrip("/")):
                continue
            try:
                with os.scandir(path) as found:
                    for entry in found:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(f"{folder}{entry.name}/")
                        elif not entry.name.endswith(TMP_SUFFIX):
                            yield folder + entry.name, entry
            except FileNotFoundError:
                if folder != prefix:
                    raise

    def create(self, name: str, pieces: Iterable[bytes]) -> None:
        """Make a file under a temporary name; it gets its name when it is on the medium."""
        folder, local = os.path.split(os.path.join(self._path, name))
        with self._archive_errors(name):
            self._require_directory()
            _make_folder(folder)
            with Disk().open_directory(folder) as disk:
                _create_durable_file(disk, local, pieces)

    def _require_directory(self) -> None:
        """Raise ArchiveError unless the directory is there."""
        if not os.path.isdir(self._path):
            raise ArchiveError(
                f"the archive {self.address} is not there: mount it, or make the directory",
                settled=True,
            )

    def remove(self, name: str) -> None:
        with self._archive_errors(name), suppress(FileNotFoundError):
            os.unlink(os.path.join(self._path, name))

    def read(self, name: str, at: int = 0, size: int = -1) -> bytes:
        """Return a part of a file."""
        with self._archive_errors(name):
            try:
                held = Descriptor(os.open(os.path.join(self._path, name), _OLD))
            except FileNotFoundError as error:
                self._require_directory()
                raise ObjectMissing(f"{self.address} has no {name}", settled=True) from error
            with held as fd:
                found = os.fstat(fd)
                if not stat.S_ISREG(found.st_mode):
                    raise ArchiveError(f"{name} in {self.address} is no plain file", settled=True)
                end = found.st_size if size < 0 else min(at + size, found.st_size)
                return b"".join(pieces_between(fd, at, end, _ONCE))

    @contextmanager
    def _archive_errors(self, name: str) -> Iterator[None]:
        """Raise ObjectExists or ArchiveError for an OSError of the block."""
        try:
            yield
        except FileExistsError as error:
            raise ObjectExists(f"{self.address} has {name} already") from error
        except OSError as error:
            settled = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
            why = error.strerror or type(error).__name__
            raise ArchiveError(f"{name} in {self.address}: {why}", settled=settled) from error


def _is_real_folder(path: str) -> bool:
    """Return whether a path leads to a directory, and not to a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _make_folder(folder: str) -> None:
    if not os.path.isdir(folder):
        _make_folder(os.path.dirname(folder))
        make_directory(folder)


def _create_durable_file(disk: Disk, name: str, pieces: Iterable[bytes]) -> None:
    """Make a file. Raises FileExistsError if the name is taken, and OSError.

    A second process that makes the same file takes the temporary name: then the first one gives way.
    """
    fresh = name + TMP_SUFFIX
    with Descriptor(disk.create_anew(fresh)) as fd:
        try:
            for piece in pieces:
                disk.write(fd, piece)
            disk.fdatasync(fd)
            if not disk.leads_to(fresh, fd):
                raise OSError(errno.ESTALE, "another process makes it")
            try:
                disk.link(fresh, name)
                disk.unlink(fresh)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if disk.has_name(name):
                    raise FileExistsError(errno.EEXIST, "it is there already") from error
                disk.rename(fresh, name)
            disk.sync_directory()
        except BaseException:
            # On a full disk this frees space.
            with suppress(OSError):
                if disk.leads_to(fresh, fd):
                    disk.unlink(fresh)
            raise
