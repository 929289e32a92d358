"""A folder of a store with the saved places of readers, and a lock for each place."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, suppress

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.disk import DIRECTORY, DIRECTORY_MODE, Disk
from logsrv.linelog.store.lock import EXCLUSIVE

LOCK_SUFFIX = ".lock"


class PlaceFolder:
    """The folder `name` in the directory of a store. Each method may raise OSError.

    The folder is made at its first use, because a full disk may have no room for it.
    """

    def __init__(self, directory: str, name: str) -> None:
        self._directory = os.path.join(directory, name)
        self._disk: Disk | None = None
        self._locks = ExitStack()

    @property
    def disk(self) -> Disk:
        """The open folder; it is made if it is missing."""
        if self._disk is None:
            with suppress(FileExistsError):
                os.mkdir(self._directory, DIRECTORY_MODE)
                os.chmod(self._directory, DIRECTORY_MODE)
                self._sync_folder_name()
            self._disk = Disk().open_directory(self._directory)
        return self._disk

    def _sync_folder_name(self) -> None:
        """Sync the name of the folder: without it, a power cut would lose even synced places."""
        with Descriptor(os.open(os.path.dirname(self._directory), DIRECTORY)) as fd:
            os.fsync(fd)

    def path(self, name: str) -> str:
        """Return the path of a name in the folder, for messages."""
        return os.path.join(self._directory, name)

    def exists(self) -> bool:
        """Return whether the folder exists."""
        return os.path.isdir(self._directory)

    def close(self) -> None:
        """Close the folder and release its locks."""
        self._locks.close()
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def lock(self, name: str = "") -> bool:
        """Lock the folder, or one place in it; return False if another process holds the lock.

        A place has a separate lock file, because each save replaces the file of the place.
        """
        try:
            if not name:
                self.disk.lock(EXCLUSIVE)
                return True
            with ExitStack() as undo:
                fd = self.disk.open(name + LOCK_SUFFIX, os.O_RDWR | os.O_CREAT)
                fcntl.flock(undo.enter_context(Descriptor(fd)), EXCLUSIVE)
                self._locks.push(undo.pop_all())
        except BlockingIOError:
            return False
        return True
