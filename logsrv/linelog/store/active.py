"""The active segment while it is written to, and how another takes its place.

Belongs to the writer's thread. Rotation gives current.log its sealed name as a second one, and then
puts a new file in the place of the first: so there is a current.log at any moment. It happens between
two groups of whole batches, so a segment ends with a whole line.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from time import monotonic

from twisted.logger import Logger

from logsrv.errors import StoreError
from logsrv.linelog.batch import Buffer
from logsrv.linelog.store import segment
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.recover import Active, open_active
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.trouble import InReactor, Trouble

log = Logger()
RETRY_AFTER = 1.0


class ActiveSegment:
    """current.log: its descriptor, its position, and when it is due to be rotated.

    started: when its first line came, by the clock that never jumps: a wall clock that is set back
        cannot delay a rotation that way.
    left: the descriptors of segments that are no longer active, for another thread to sync and close;
        None when there will be no more.

    replacing: what goes wrong with putting another file in its place, if anything does.

    Other threads read `fd`, `position`, `policy` and `replacing`, and set none of them.
    """

    def __init__(
        self,
        opened: Active,
        number: int,
        policy: StorePolicy,
        *,
        started: float,
        disk: Disk,
        lock: DirectoryLock,
        tell: InReactor,
    ) -> None:
        self.fd = opened.fd
        self.position = Position(number, opened.size)
        self.policy = policy
        self.left: SimpleQueue[int | None] = SimpleQueue()
        self._unended = opened.torn
        self._started = started
        self._path = disk.path(segment.ACTIVE)
        self._disk = disk
        self._lock = lock
        self._tell = tell
        self._new_name = False
        self._not_before = 0.0
        self.replacing = Trouble(
            tell, "{why}; still writing to the old file", "going on in a new file at last"
        )

    def write(self, buffers: Sequence[Buffer]) -> int:
        """Write what the disk takes, after the end of a torn line if there is one. Raises OSError."""
        if self._unended:
            self._count(self._disk.writev(self.fd, [b"\n"]))
            self._unended = False
        count = self._disk.writev(self.fd, buffers) if buffers else 0
        self._count(count)
        return count

    def _count(self, count: int) -> None:
        number, offset = self.position
        if not offset:
            self._started = monotonic()
        self.position = Position(number, offset + count)

    def sync(self) -> None:
        """Return when all that was written is on the medium, under its name. Raises OSError."""
        self._disk.fdatasync(self.fd)
        if self._new_name:
            self._disk.sync_directory()
            self._new_name = False

    def apply(self, policy: StorePolicy) -> None:
        """Go by another policy from now on."""
        self.policy = policy

    def due(self) -> float | None:
        """Return when to rotate, by `monotonic()`; None while there is nothing to seal."""
        offset = self.position.offset
        if not offset:
            return None
        full = offset >= self.policy.rotate_size
        return max(0.0 if full else self._started + self.policy.rotate_every, self._not_before)

    def rotate(self) -> None:
        """Begin a new segment, unless this one is empty; if that fails, go on with the old."""
        if not self.position.offset:
            return
        if not self._disk.belongs(segment.ACTIVE, self.fd):
            self.reopen()
            return
        try:
            self._lock.check()
            fresh = self._replace()
        except (OSError, StoreError) as error:
            self._put_off(f"{self._path} cannot be rotated: {reason(error)}")
            return
        self._go_on(fresh, 0)

    def _replace(self) -> int:
        sealed = segment.sealed_name(self.position.segment, segment.first_moment(self.fd))
        fresh = segment.tmp(segment.ACTIVE)
        with contextlib.ExitStack() as undo:
            # The new file first: when no descriptor is left, nothing has changed.
            fd = self._disk.create_anew(fresh)
            undo.callback(os.close, fd)
            undo.callback(self._name(sealed))
            self._disk.rename(fresh, segment.ACTIVE)
            undo.pop_all()
        return fd

    def _name(self, sealed: str) -> Callable[[], None]:
        """Give current.log its sealed name; return what takes it away again."""
        try:
            self._disk.link(segment.ACTIVE, sealed)
        except FileExistsError:
            # A rotation that failed and could not be undone either has done it.
            if not self._disk.belongs(sealed, self.fd):
                raise
        except OSError:
            # A file system without second names: for an instant there is no current.log.
            self._disk.rename(segment.ACTIVE, sealed)
            return lambda: self._disk.rename(sealed, segment.ACTIVE)
        return lambda: self._disk.unlink(sealed)

    def reopen(self) -> None:
        """Go on in a new file if current.log is no longer the one that is written to."""
        held = os.fstat(self.fd)
        if self._disk.belongs(segment.ACTIVE, self.fd):
            if held.st_size < self.position.offset:
                self._unended = os.pread(self.fd, 1, max(0, held.st_size - 1)) not in (b"", b"\n")
                self._renumber(held.st_size)
                self._tell(
                    log.warn,
                    "somebody cut {path} down to {size} bytes",
                    path=self._path,
                    size=held.st_size,
                )
            return
        try:
            self._lock.check()
            opened = open_active(self._disk)
        except (OSError, StoreError) as error:
            self._put_off(reason(error))
            return
        if held.st_nlink:
            happened = "was moved away"
        else:
            happened = f"was removed, and with it the {held.st_size} bytes written to it"
        self._tell(
            log.warn, "{path} {happened}; going on in a new one", path=self._path, happened=happened
        )
        self._go_on(opened.fd, opened.size)
        self._unended = opened.torn
        self._started = monotonic()

    def _put_off(self, why: str) -> None:
        """Try again later."""
        self._not_before = monotonic() + RETRY_AFTER
        self.replacing.failed(why)

    def _go_on(self, fd: int, size: int) -> None:
        old, self.fd = self.fd, fd
        self.replacing.works()
        self._new_name = True
        self._renumber(size)
        self.left.put(old)

    def _renumber(self, size: int) -> None:
        """Begin another segment at `size` bytes: an old position must not lead into it."""
        self.position = Position(self.position.segment + 1, size)
        try:
            segment.save_number(self.position.segment, self._disk)
        except OSError as error:
            self._tell(
                log.warn,
                "the number of the active segment cannot be saved; old ones are kept until it is: {why}",
                why=reason(error),
            )

    def finish(self) -> None:
        """Sync and close it, once no other thread uses it. Raises OSError."""
        try:
            self._disk.fdatasync(self.fd)
        finally:
            os.close(self.fd)
