"""One owner per directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from logsrv.errors import StoreError
from logsrv.linelog.store.disk import FILE_MODE, reason

NAME = "lock"


class DirectoryLock:
    """A lock on `directory` that the kernel drops with its owner, however that ends.

    The file stays when the lock goes: removing it would let two processes lock two files of one
    name. Raises StoreError when another process is the owner, or the file cannot be locked.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / NAME
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._fd = os.open(path, flags, FILE_MODE)
        except OSError as error:
            raise StoreError(f"the lock file {path} cannot be opened: {reason(error)}") from error
        try:
            self._take(directory, path)
        except BaseException:
            os.close(self._fd)
            raise

    def _take(self, directory: Path, path: Path) -> None:
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise StoreError(f"the lock {path} is not a plain file; remove it")
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 32, 0).strip()
            who = f"process {int(owner)}" if owner.isdigit() else "another process"
            raise StoreError(
                f"the store {directory} is in use by {who}; give each server a directory of its own"
            ) from None
        except OSError as error:
            raise StoreError(f"the lock file {path} cannot be locked: {reason(error)}") from error
        # The pid is for people; a full disk must not keep the store from starting.
        with contextlib.suppress(OSError):
            os.fchmod(self._fd, FILE_MODE)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let others have the directory."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
        os.close(self._fd)
