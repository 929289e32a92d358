"""The operating system as the store uses it: the calls that fail when a disk does."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from logsrv.linelog.batch import Buffer

FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
IOV_MAX: int = os.sysconf("SC_IOV_MAX")


class Disk:
    """System calls with the meaning they have in `os`; each raises OSError.

    Everything the store changes on disk goes through here, so that a test can let any step fail.
    """

    def open(self, path: Path, flags: int) -> int:
        """A descriptor that children do not inherit; never through a symbolic link."""
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)

    def create(self, path: Path, flags: int = 0) -> int:
        """A new, empty file with mode 0640 whatever the umask, open for reading and appending."""
        fd = self.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC | flags)
        try:
            os.fchmod(fd, FILE_MODE)
        except OSError:
            os.close(fd)
            raise
        return fd

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        """Write at most IOV_MAX buffers; returns how many bytes were taken."""
        return os.writev(fd, buffers)

    def fdatasync(self, fd: int) -> None:
        """Return when the contents of the file are on the medium."""
        os.fdatasync(fd)

    def sync_directory(self, directory: Path) -> None:
        """Return when the names in the directory are on the medium."""
        fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        """Rename, replacing what has the new name."""
        os.rename(old, new)

    def unlink(self, path: Path) -> None:
        """Remove a file; one that is not there is fine."""
        path.unlink(missing_ok=True)

    def monotonic(self) -> float:
        """Seconds by the clock that never jumps.

        The reactor's clock follows the wall clock, so an administrator who sets the time back would
        stop the rotation and the syncs of a store that went by it.
        """
        return time.monotonic()

    def nap(self, seconds: float) -> None:
        """Let other threads run for a moment."""
        time.sleep(seconds)


def reason(error: BaseException) -> str:
    """The part of a sentence that says what went wrong: `No space left on device`."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
