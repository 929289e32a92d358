"""The turn to put segments into an archive or a lake: one process has it at a time.

A shipper has it while it puts a segment, until its place is saved; `logsrv erase --everywhere` has it while
it replaces one. Else a shipper would put there what it has read before an erase, or write a catalog with
entries of before. It is a lock on the file `ship/NAME.putting`, which the kernel takes back from a process
that ends in any way.
"""

from __future__ import annotations

from contextlib import ExitStack

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.lock import lock_file

SUFFIX = ".putting"


class PuttingTurn:
    """The turn of one process at a target. folder: the folder `ship` of the store. name: the target's."""

    def __init__(self, folder: Disk, name: str) -> None:
        self._folder, self._name = folder, name + SUFFIX
        self._lock = ExitStack()

    @property
    def has_file(self) -> bool:
        """Return whether a shipper has ever put a segment there."""
        return self._folder.has_name(self._name)

    def take(self) -> bool:
        """Take the turn; return False if another process has it. Raises OSError."""
        try:
            self._lock.push(lock_file(self._folder, self._name))
        except BlockingIOError:
            return False
        return True

    def give_back(self) -> None:
        """Give the turn back, if this process has it."""
        self._lock.close()
