"""The lock of a store's directory, which one process owns at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.linelog.store.disk import FILE_MODE, Disk, reason
from logsrv.linelog.store.format import require_known_format

NAME = "lock"
EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB
TOUCH_EVERY = 3600.0


def lock_file(disk: Disk, name: str, how: int = EXCLUSIVE) -> contextlib.ExitStack:
    """Lock a file, which is made if it is not there; the lock ends when what is returned is closed.

    The kernel takes it back from a process that ends in any way. Raises BlockingIOError if another process
    has it, and OSError.
    """
    with contextlib.ExitStack() as undo:
        fd = undo.enter_context(Descriptor(disk.open(name, os.O_RDWR | os.O_CREAT)))
        fcntl.flock(fd, how)
        return undo.pop_all()


class StoreInUseError(StoreError):
    """Another process has the store."""


class DirectoryLock:
    """A lock on the directory of `disk`, which the kernel releases when the owner ends in any way.

    The lock file is never removed: otherwise two processes could lock two files of the same name. If
    somebody removes it, the directory itself is still locked, if the file system can lock directories.
    Raises StoreInUseError if another process is the owner; StoreError if the file cannot be locked, or if
    the store has a format that this version does not know: then nothing is written.

    believed: the time of day that the previous owner trusted last (retain.py), in Unix seconds. It
        is stored as the time of the file; None if there was no file.
    left_by: the process id of the previous owner, if it was killed or the power failed; "" if it ended in
        order.
    claimed: whether the id of this process is in the file, on the medium.
    """

    def __init__(self, disk: Disk) -> None:
        require_known_format(disk)
        self._disk = disk
        self._checking = threading.Lock()
        self.believed: float | None = None
        with contextlib.suppress(OSError):
            self.believed = disk.stat(NAME).st_mtime
        self.left_by = ""
        self._fd = self._take_lock()

    def _take_lock(self) -> int:
        path = self._disk.path(NAME)
        try:
            fd = self._disk.open(NAME, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(f"the lock file {path} cannot be opened: {reason(error)}") from error
        try:
            self._lock_file_and_directory(fd, path)
            self.left_by = _read_process_id(fd)
            self._write_process_id(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _lock_file_and_directory(self, fd: int, path: str) -> None:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise StoreError(f"the lock {path} is not a plain file; remove it")
        try:
            fcntl.flock(fd, EXCLUSIVE)
            try:
                self._disk.lock(EXCLUSIVE)
            except BlockingIOError:
                raise
            except OSError:
                pass
        except BlockingIOError:
            owner = os.pread(fd, 32, 0).strip()
            who = f"process {int(owner)}" if owner.isdigit() else "another process"
            raise StoreInUseError(
                f"the store {self._disk.directory} is in use by {who};"
                " stop it first, or take another directory"
            ) from None
        except OSError as error:
            raise StoreError(f"the lock file {path} cannot be locked: {reason(error)}") from error

    def _write_process_id(self, fd: int) -> None:
        """Write the process id, by which the next owner learns that this one did not end in order.

        It is synced, so that it is there after a power cut. A full disk must not keep the store from
        starting, so a failure is ignored, and the next `ensure_locked` tries again.
        """
        self.claimed = False
        with contextlib.suppress(OSError):
            self._overwrite_lock_file(fd, b"%d\n" % os.getpid())
            self._disk.fdatasync(fd)
            self._disk.sync_directory()
            self.claimed = True

    def _overwrite_lock_file(self, fd: int, text: bytes) -> None:
        os.fchmod(fd, FILE_MODE)
        # Write first, then shorten: an empty file would look like an end in order.
        os.pwrite(fd, text, 0)
        os.ftruncate(fd, len(text))
        if self.believed is not None:
            with contextlib.suppress(OSError):
                os.utime(fd, (self.believed, self.believed))

    def ensure_locked(self) -> None:
        """Lock the directory again if it or the lock file was removed.

        Raises OSError, and StoreError if another process owns it now. May be called in any thread.
        """
        with self._checking:
            self._disk.reopen_if_removed()
            if self._disk.leads_to(NAME, self._fd):
                if not self.claimed:
                    self._write_process_id(self._fd)
                return
            left_by = self.left_by
            old, self._fd = self._fd, self._take_lock()
            self.left_by = left_by
            os.close(old)

    def save_trusted_time(self, moment: float) -> None:
        """Save a trusted time of day for the next owner, if the saved time is an hour off.

        moment: in Unix seconds. May be called in any thread.
        """
        # Another thread may lock anew: the old descriptor is soon that of another file.
        with self._checking:
            if self.believed is None or abs(moment - self.believed) >= TOUCH_EVERY:
                self.believed = moment
                with contextlib.suppress(OSError):
                    os.utime(self._fd, (moment, moment))

    def sign_off(self) -> None:
        """Empty the lock file: this owner ends in order, and all that it wrote is on the medium."""
        with contextlib.suppress(OSError):
            self._overwrite_lock_file(self._fd, b"")

    def release(self, *, in_order: bool | None = None) -> None:
        """Release the lock of the directory.

        in_order: whether all that was written is on the medium. None: nothing was written, so the file
        keeps its content about the previous owner.
        """
        if in_order or (in_order is None and not self.left_by):
            self.sign_off()
        elif in_order is None:
            # Write the previous owner's id again: that owner was killed, this one was not.
            with contextlib.suppress(OSError):
                self._overwrite_lock_file(self._fd, self.left_by.encode("latin-1") + b"\n")
        os.close(self._fd)
        with contextlib.suppress(OSError):
            self._disk.lock(fcntl.LOCK_UN)


@contextlib.contextmanager
def locked(directory: str | Path) -> Iterator[Disk]:
    """Lock a directory within the block. Raises OSError, and StoreError as `DirectoryLock` does."""
    with Disk().open_directory(directory) as disk:
        lock = DirectoryLock(disk)
        try:
            yield disk
        finally:
            lock.release()


def owning_process(directory: str | Path) -> int | None:
    """Return the id of the process that owns a store, by its lock file and /proc/locks.

    None if no process owns it, or if that is unknown. This does not try to take the lock, because that
    could keep a starting owner from taking it.
    """
    path = os.path.join(directory, NAME)
    try:
        with open(path, "rb") as file:
            pid = file.read(32).strip()
            inode = os.fstat(file.fileno()).st_ino
        locks = Path("/proc/locks").read_text()
    except OSError:
        return None
    # A line is `1: FLOCK  ADVISORY  WRITE 12352 fe:00:5359842 0 EOF`.
    if pid.isdigit() and re.search(rf" FLOCK .* {int(pid)} \S+:{inode} ", locks):
        return int(pid)
    return None


def _read_process_id(fd: int) -> str:
    """Return the process id in a lock file; "somebody" if it cannot be read."""
    try:
        return os.pread(fd, 32, 0).strip().decode("latin-1")
    except OSError:
        return "somebody"
