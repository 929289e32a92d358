"""The system calls of the store on files and directories; a test can make any of them fail."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self, TypeVar

from logsrv.descriptor import PIECE, Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.kit.text.words import fault_text

if TYPE_CHECKING:
    from pathlib import Path

    from logsrv.linelog.batch import Buffer

T = TypeVar("T")

FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
TMP_SUFFIX = ".tmp"
IOV_MAX: int = os.sysconf("SC_IOV_MAX")
TICK = 0.05
"""Seconds by which the mtime of a directory may lag behind its last change: the kernel's clock for files
advances in ticks."""

DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY


class Disk:
    """System calls on the names in one directory; each does the same as in `os`, and raises OSError.

    The directory is open as a descriptor: when somebody moves it, or puts another in its place, the calls
    still act on the directory that was opened. Every change of the store on disk goes through this class,
    so that a test can make any step fail.

    saving_number: held by the thread that writes the file `number` (segment.py), never during a sync.
    """

    directory: Path | str
    saving_number: threading.Lock
    _fd: int

    def open_directory(self, directory: Path | str) -> Self:
        """Open `directory` until `close`."""
        self.saving_number = threading.Lock()
        self.directory = directory
        self._fd = os.open(directory, DIRECTORY)
        return self

    def use_descriptor(self, fd: int) -> Self:
        """Use the open directory `fd` until `close`, which closes it."""
        self.saving_number = threading.Lock()
        self.directory = "."
        self._fd = fd
        return self

    def reopen_if_removed(self) -> None:
        """Open the path again if the open directory was removed; make a directory there if necessary."""
        if self.is_gone():
            make_directory(self.directory)
            fd = os.open(self.directory, DIRECTORY)
            # `dup2` is one step for all threads: each call acts on the old directory or on the new one.
            os.dup2(fd, self._fd, inheritable=False)
            os.close(fd)

    def is_gone(self) -> bool:
        """Return whether the open directory was removed."""
        return not os.fstat(self._fd).st_nlink

    def close(self) -> None:
        """Close the directory, as the end of `with` does."""
        # First: a call of another thread then fails, and is never one on another directory.
        fd, self._fd = self._fd, -1
        os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lock(self, how: int) -> None:
        """Lock or unlock the directory itself with `flock`; some network file systems refuse that."""
        fcntl.flock(self._fd, how)

    def path(self, name: str) -> str:
        """Return the path of a name for a message, escaped so that it cannot forge a log line."""
        return one_line(os.path.join(self.directory, name), SHOWN_PATH_LENGTH)

    def moved_to(self) -> str | None:
        """Return the new path of the directory if it was moved; None if not, or if that is unknown."""
        try:
            held = os.fstat(self._fd)
            if not held.st_nlink or os.path.samestat(os.stat(self.directory), held):
                return None
        except FileNotFoundError:
            pass
        except OSError:
            return None
        try:
            return os.readlink(f"/proc/self/fd/{self._fd}")
        except OSError:
            return "another place"

    def free_and_total_bytes(self) -> tuple[int, int]:
        """Return the bytes of the file system that are free for this user, and its size in bytes."""
        found = os.fstatvfs(self._fd)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    def change_token(self, time_of_day: float) -> object:
        """Return a value that changes when a name is made or removed, or another directory is opened.

        It equals no other if a change at this time of day, in seconds since 1970, might go unseen.
        """
        held = os.fstat(self._fd)
        if time_of_day - held.st_mtime < TICK:
            return object()
        return held.st_dev, held.st_ino, held.st_mtime_ns

    def entries(self) -> dict[str, bool]:
        """Return the names in the directory, each with whether it is a plain file."""
        # A new descriptor for each call: two threads that list by the same one share its read position.
        with Descriptor(os.open(".", DIRECTORY, dir_fd=self._fd)) as fd, os.scandir(fd) as found:
            return {entry.name: entry.is_file(follow_symlinks=False) for entry in found}

    def stat(self, name: str) -> os.stat_result:
        """Return the status of a name; a symbolic link is not followed."""
        return os.stat(name, dir_fd=self._fd, follow_symlinks=False)

    def stat_or_none(self, name: str) -> os.stat_result | None:
        """Return the status of a name as `stat` does; None if the directory does not have it."""
        try:
            return self.stat(name)
        except FileNotFoundError:
            return None

    def has_name(self, name: str) -> bool:
        """Return whether the directory has the name, without listing the directory."""
        return self.stat_or_none(name) is not None

    def size_or_zero(self, name: str) -> int:
        """Return the size of a file in bytes; 0 if it is missing."""
        found = self.stat_or_none(name)
        return found.st_size if found else 0

    def leads_to(self, name: str, fd: int) -> bool:
        """Return whether the name leads to the open file `fd`."""
        try:
            return os.path.samestat(os.fstat(fd), self.stat(name))
        except OSError:
            return False

    def open(self, name: str, flags: int) -> int:
        """Return a descriptor that child processes do not inherit.

        Never follows a symbolic link, and never waits for the other end of a FIFO.
        """
        safe = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(name, flags | safe, FILE_MODE, dir_fd=self._fd)

    def open_file(self, name: str) -> int:
        """Open a file for reading. Raises IsADirectoryError for a directory, which `open` opens as well."""
        fd = self.open(name, os.O_RDONLY)
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            os.close(fd)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        return fd

    def read(self, name: str, size: int = -1) -> bytes:
        """Return the content of a file, or its first `size` bytes."""
        with Descriptor(self.open(name, os.O_RDONLY)) as fd:
            try:
                with open(fd, "rb", closefd=False) as file:
                    return file.read(size)
            except OSError as error:
                # For a directory or a bad sector, the error would name the number of the descriptor.
                error.filename = name
                raise

    def read_or_none(self, name: str, size: int = -1) -> bytes | None:
        """Return the same as `read`; None if the file is missing."""
        try:
            return self.read(name, size)
        except FileNotFoundError:
            return None

    def pieces(self, name: str, size: int = PIECE) -> Iterator[bytes]:
        """Yield the content of a file in pieces of `size` bytes."""
        with open(self.open(name, os.O_RDONLY), "rb") as file:
            while piece := file.read(size):
                yield piece

    def create(self, name: str) -> int:
        """Make a file with mode 0640 under any umask; return a descriptor for reading and appending."""
        fd = self.open(name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        try:
            os.fchmod(fd, FILE_MODE)
        except OSError:
            os.close(fd)
            raise
        return fd

    def create_anew(self, name: str) -> int:
        """Make a file as `create` does, after removing a file of the same name."""
        self.unlink(name)
        return self.create(name)

    def replace_durably(
        self, name: str, data: bytes, *, like: os.stat_result | None = None
    ) -> None:
        """Replace a file's content by `data`, and sync it. A crash leaves the old or the new content.

        like: a file whose mode it gets, and whose owner and group as far as the process may.
        """
        self.replace(name, data, like=like)
        self.sync_directory()

    def replace(
        self, name: str, data: bytes, *, sync: bool = True, like: os.stat_result | None = None
    ) -> None:
        """Replace a file by `data` as `replace_durably` does, without syncing the directory.

        sync: whether to sync the new content before it gets the name.
        """
        fresh = name + TMP_SUFFIX
        try:
            with Descriptor(self.create_anew(fresh)) as fd:
                if like is not None:
                    _make_alike(fd, like)
                self.write(fd, data)
                if sync:
                    self.fdatasync(fd)
            self.rename(fresh, name)
        except OSError:
            with suppress(OSError):
                self.unlink(fresh)
            raise

    def overwrite_start(self, name: str, data: bytes, *, sync: bool) -> None:
        """Overwrite the beginning of a file by less than a sector; a crash leaves old or new data.

        This works on a full disk, because the file does not grow. sync: whether the data is on the medium
        on return. Raises FileNotFoundError if there is no such file.
        """
        with Descriptor(self.open(name, os.O_WRONLY)) as fd:
            os.pwrite(fd, data, 0)
            if sync:
                self.fdatasync(fd)

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        """Write at most IOV_MAX buffers; return how many bytes were written."""
        return os.writev(fd, buffers)

    def write(self, fd: int, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self.writev(fd, [left]) :]

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        """Write over bytes of a file that is not open for appending."""
        left = memoryview(data)
        while left:
            count = os.pwrite(fd, left, offset)
            left, offset = left[count:], offset + count

    def fdatasync(self, fd: int) -> None:
        """Sync the content of a file to the medium."""
        os.fdatasync(fd)

    def sync_directory(self) -> None:
        """Sync the names in the directory to the medium."""
        os.fsync(self._fd)

    def link(self, name: str, second: str) -> None:
        """Give a file a second name. Raises FileExistsError if the name is taken."""
        os.link(name, second, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False)

    def link_from(self, other: Disk, name: str, second: str) -> None:
        """Give a file of another directory a second name in this one."""
        os.link(name, second, src_dir_fd=other._fd, dst_dir_fd=self._fd, follow_symlinks=False)

    def rename(self, old: str, new: str) -> None:
        """Rename a file; a file that has the new name is replaced."""
        os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def unlink(self, name: str) -> None:
        """Remove a file; a missing one is no error."""
        try:
            os.unlink(name, dir_fd=self._fd)
        except FileNotFoundError:
            pass


def make_directory(directory: Path | str) -> None:
    """Make the directory of a store, with mode 0750 under any umask, unless there is one.

    On return its name, and those of parent directories that were made, are on the medium. Raises OSError.
    """
    if os.path.isdir(directory):
        return
    above = [os.path.dirname(os.path.abspath(directory))]
    while not os.path.isdir(above[-1]):
        above.append(os.path.dirname(above[-1]))
    os.makedirs(directory)
    os.chmod(directory, DIRECTORY_MODE)
    for parent in above:
        try:
            fd = os.open(parent, DIRECTORY)
        except PermissionError:
            # A directory that we may enter but not list cannot be opened, and so cannot be synced.
            continue
        with Descriptor(fd):
            os.fsync(fd)


def read_or(otherwise: T, read: Callable[..., T], *what: object) -> T:
    """Return the result of `read(*what)`; `otherwise` if a file cannot be read, or is damaged."""
    try:
        return read(*what)
    except (OSError, ValueError):
        return otherwise


def reason(error: BaseException) -> str:
    """Return the cause of an error as the end of a sentence, such as `No space left on device`."""
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"


@contextmanager
def store_errors(what: str, then: str = "") -> Iterator[None]:
    """Raise StoreError for an OSError of the body: what failed, its cause, and what to do then."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{what}: {reason(error)}{then}") from error


def explanation(error: Exception) -> str:
    """Return the cause of an error: as `reason` does for a system error, in plain words for wrong data."""
    return reason(error) if isinstance(error, OSError | StoreError) else fault_text(error)


def _make_alike(fd: int, like: os.stat_result) -> None:
    with suppress(OSError):
        os.fchown(fd, -1, like.st_gid)
    os.fchmod(fd, stat.S_IMODE(like.st_mode))
    with suppress(OSError):
        os.fchown(fd, like.st_uid, -1)


def hint_at_reading_group(directory: str, error: OSError) -> str:
    """Return the end of an error message with the group that may read a directory; "" if it is unknown."""
    if not isinstance(error, PermissionError):
        return ""
    path = os.path.abspath(directory)
    # A directory that we may not enter hides all below it, so the directories above are tried as well.
    while True:
        try:
            found = os.stat(path)
            if found.st_mode & stat.S_IXGRP and not found.st_mode & stat.S_IXOTH:
                return f"; the group {grp.getgrgid(found.st_gid).gr_name} may read it"
        except (OSError, KeyError):
            pass
        if path == (path := os.path.dirname(path)):
            return ""
