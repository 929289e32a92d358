"""The operating system as the store uses it: the calls that fail when a disk does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.kit.text.words import fault_text

if TYPE_CHECKING:
    from pathlib import Path

    from logsrv.linelog.batch import Buffer

FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
TMP_SUFFIX = ".tmp"
IOV_MAX: int = os.sysconf("SC_IOV_MAX")

DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY


class Disk:
    """System calls on the names in one directory, with the meaning they have in `os`.

    Each raises OSError. The directory is held by a descriptor: when somebody moves it, or puts another
    in its place, all that is done here stays in the one that was entered.
    Everything the store changes on disk goes through here, so that a test can let any step fail.
    """

    directory: Path | str
    _fd: int

    def enter(self, directory: Path | str) -> Self:
        """Hold `directory` from now on, until `leave`."""
        self.directory = directory
        self._fd = os.open(directory, DIRECTORY)
        return self

    def hold(self, fd: int) -> Self:
        """Hold the directory that a descriptor is of, until `leave`."""
        self.directory = "."
        self._fd = fd
        return self

    def renew(self) -> None:
        """Hold another directory of this path, made if need be, if the one held was removed."""
        if self.is_gone():
            make_directory(self.directory)
            fd = os.open(self.directory, DIRECTORY)
            # At once for all threads: each call is in one of the two.
            os.dup2(fd, self._fd, inheritable=False)
            os.close(fd)

    def is_gone(self) -> bool:
        """Return whether the directory that is held was removed."""
        return not os.fstat(self._fd).st_nlink

    def leave(self) -> None:
        """Close the directory, as the end of `with` does."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def lock(self, how: int) -> None:
        """Lock or unlock the directory itself, as `flock`; some network file systems cannot."""
        fcntl.flock(self._fd, how)

    def path(self, name: str) -> str:
        """Return the path of a name, for people to read: escaped, so it forges no line of a log."""
        return one_line(os.path.join(self.directory, name), SHOWN_PATH_LENGTH)

    def moved(self) -> str | None:
        """Return where the directory is now if it no longer has its path; None if it has."""
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

    def free(self) -> tuple[int, int]:
        """Return how many bytes are free for us on the file system, and how many it has."""
        found = os.fstatvfs(self._fd)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    def changed(self) -> tuple[int, int, int]:
        """Return what is another when another directory is held, or a name in it was made or removed."""
        held = os.fstat(self._fd)
        return held.st_dev, held.st_ino, held.st_mtime_ns

    def entries(self) -> dict[str, bool]:
        """Return the names in the directory, and whether each is that of a plain file."""
        # A descriptor of its own: two threads that list by one share the place they have come to.
        with Descriptor(os.open(".", DIRECTORY, dir_fd=self._fd)) as fd, os.scandir(fd) as found:
            return {entry.name: entry.is_file(follow_symlinks=False) for entry in found}

    def stat(self, name: str) -> os.stat_result:
        """Return what the name stands for, which may be a symbolic link."""
        return os.stat(name, dir_fd=self._fd, follow_symlinks=False)

    def holds(self, name: str) -> bool:
        """Return whether the directory has the name, without listing the others."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def belongs(self, name: str, fd: int) -> bool:
        """Return whether the name is one of the open file `fd`."""
        try:
            return os.path.samestat(os.fstat(fd), self.stat(name))
        except OSError:
            return False

    def open(self, name: str, flags: int) -> int:
        """Return a descriptor that children do not inherit.

        Never goes through a symbolic link, and never waits for the other end of a FIFO.
        """
        safe = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(name, flags | safe, FILE_MODE, dir_fd=self._fd)

    def read(self, name: str, size: int = -1) -> bytes:
        """Return the content of a file, or its first `size` bytes."""
        with Descriptor(self.open(name, os.O_RDONLY)) as fd:
            try:
                with open(fd, "rb", closefd=False) as file:
                    return file.read(size)
            except OSError as error:
                # A directory, or a bad sector: the error has the number of the descriptor.
                error.filename = name
                raise

    def create(self, name: str) -> int:
        """Make a file with mode 0640 whatever the umask, open for reading and appending."""
        fd = self.open(name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        try:
            os.fchmod(fd, FILE_MODE)
        except OSError:
            os.close(fd)
            raise
        return fd

    def create_anew(self, name: str) -> int:
        """Make a file as `create` does, in the place of what has the name."""
        self.unlink(name)
        return self.create(name)

    def put(self, name: str, data: bytes) -> None:
        """Let a file hold `data`, on the medium; whatever interrupts that leaves the old one."""
        self.replace(name, data)
        self.sync_directory()

    def replace(self, name: str, data: bytes, *, sync: bool = True) -> None:
        """Let a file hold `data`, as `put` does; its name is not on the medium yet.

        sync: what it holds is.
        """
        fresh = name + TMP_SUFFIX
        with Descriptor(self.create_anew(fresh)) as fd:
            self.write(fd, data)
            if sync:
                self.fdatasync(fd)
        self.rename(fresh, name)

    def overwrite(self, name: str, data: bytes, *, sync: bool) -> None:
        """Write over the beginning of a file, less than a sector: it has the old or the new data, always.

        A full disk takes it, for nothing grows. sync: on the medium on return. Raises FileNotFoundError if
        there is none.
        """
        with Descriptor(self.open(name, os.O_WRONLY)) as fd:
            os.pwrite(fd, data, 0)
            if sync:
                self.fdatasync(fd)

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        """Write at most IOV_MAX buffers; return how many bytes were taken."""
        return os.writev(fd, buffers)

    def write(self, fd: int, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self.writev(fd, [left]) :]

    def fdatasync(self, fd: int) -> None:
        """Return when the contents of the file are on the medium."""
        os.fdatasync(fd)

    def sync_directory(self) -> None:
        """Return when the names in the directory are on the medium."""
        os.fsync(self._fd)

    def link(self, name: str, second: str) -> None:
        """Give a file a second name; raises FileExistsError if that is taken."""
        os.link(name, second, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False)

    def link_from(self, other: Disk, name: str, second: str) -> None:
        """Give a file of another directory a second name in this one."""
        os.link(name, second, src_dir_fd=other._fd, dst_dir_fd=self._fd, follow_symlinks=False)

    def rename(self, old: str, new: str) -> None:
        """Rename, replacing what has the new name."""
        os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def unlink(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        try:
            os.unlink(name, dir_fd=self._fd)
        except FileNotFoundError:
            pass


def make_directory(directory: Path | str) -> None:
    """Make the directory of a store, with mode 0750 whatever the umask, unless there is one.

    It and those above it that are made have their names on the medium on return. Raises OSError.
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
            # A directory that we may enter and not list cannot be opened, so it cannot be synced either.
            continue
        with Descriptor(fd):
            os.fsync(fd)


def reason(error: BaseException) -> str:
    """Return the part of a sentence that says what went wrong: `No space left on device`."""
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"


def explanation(error: Exception) -> str:
    """Return what went wrong: of the system as `reason` has it, of data as people say it."""
    return reason(error) if isinstance(error, OSError | StoreError) else fault_text(error)
