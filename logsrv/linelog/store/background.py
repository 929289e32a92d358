"""The two threads beside the writer: one syncs, one seals and removes. Neither ever makes it wait."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from twisted.logger import Logger

from logsrv.linelog.store.clock import BelievedTime, Reading
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.policy import DAY, StorePolicy, Sync
from logsrv.linelog.store.retain import retain
from logsrv.linelog.store.rivals import settle
from logsrv.linelog.store.seal import Interrupted, seal
from logsrv.linelog.store.segment import Form, Position, rivals, sealed_segments
from logsrv.linelog.store.trouble import SYNCING, InReactor, Trouble

log = Logger()
SYNC_EVERY = 1.0
LOOK_EVERY = 60.0


class StoreReactor(Protocol):
    """The part of `IReactorTime` and `IReactorFromThreads` that a store uses."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, function: Callable[..., Any], /, *args: Any) -> Any: ...

    def callFromThread(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...


class BeingWritten(Protocol):
    """The active segment as the syncing thread sees it: its descriptor, and how far it is."""

    @property
    def fd(self) -> int: ...

    @property
    def position(self) -> Position: ...


class Syncer:
    """Syncs the active segment once a second if the policy says so, and takes over old descriptors.

    No other thread closes a descriptor of a segment while this one runs, so the one it syncs cannot
    become another file meanwhile.
    """

    def __init__(
        self,
        active: BeingWritten,
        policy: StorePolicy,
        disk: Disk,
        tell: InReactor,
    ) -> None:
        self.policy = policy
        self.syncs = 0
        self.errors = 0
        self._active = active
        self._disk = disk
        self._tell = tell
        self._synced = active.position
        self._trouble = Trouble(tell, *SYNCING)
        self._old: SimpleQueue[tuple[int, Callable[[], None]] | None] = SimpleQueue()

    def take_over(self, fd: int, then: Callable[[], None]) -> None:
        """Sync and close the descriptor of a segment that is no longer active; then call `then`."""
        self._old.put((fd, then))

    def stop(self) -> None:
        """End the thread when all that was taken over is closed."""
        self._old.put(None)

    def run(self) -> None:
        """Run the thread."""
        due = self._disk.monotonic() + SYNC_EVERY
        while True:
            try:
                old = self._old.get(timeout=max(0.0, due - self._disk.monotonic()))
            except Empty:
                position = self._active.position
                dirty = self.policy.sync is Sync.INTERVAL and self._synced != position
                if dirty and self._sync(self._active.fd):
                    self._synced = position
                due = self._disk.monotonic() + SYNC_EVERY
                continue
            if old is None:
                return
            fd, then = old
            if self.policy.sync is not Sync.NEVER:
                self._sync(fd)
                with contextlib.suppress(OSError):
                    self._disk.sync_directory()
            os.close(fd)
            then()

    def _sync(self, fd: int) -> bool:
        try:
            self._disk.fdatasync(fd)
        except OSError as error:
            self.errors += 1
            self._trouble.failed(reason(error))
            return False
        self.syncs += 1
        self._trouble.works()
        return True


class Sealer:
    """Compresses full segments and removes the oldest by the policy, at the lowest priority.

    active: tells the number of the active segment. now: the time of day, in seconds since 1970.
    It touches nothing while the directory's lock is not ours.
    """

    def __init__(
        self,
        policy: StorePolicy,
        disk: Disk,
        lock: DirectoryLock,
        active: Callable[[], int],
        now: Callable[[], float],
        tell: InReactor,
    ) -> None:
        self.policy = policy
        self.sealed = 0
        self.removed = 0
        self._disk = disk
        self._lock = lock
        self._active = active
        self._now = now
        self._tell = tell
        believed = now() if lock.believed is None else lock.believed
        self._time = BelievedTime(Reading(believed, disk.monotonic()))
        self._moment = believed
        self._moved: str | None = None
        self._looking, self._settling, self._removing, self._compressing = (
            Trouble(
                tell, "{what} failed, trying again later: {why}", "{what} works again", what=what
            )
            for what in (
                "looking after old segments",
                "looking at segments of the same number",
                "removing old segments",
                "compressing a segment",
            )
        )
        # Recovery has said these, a moment ago.
        self._rivals = {one.name for one, _ in rivals(disk)}
        self._wake = threading.Event()
        self._going = True
        self._stuck = False

    def wake(self) -> None:
        """Look for something to do."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread soon; a sealing under way is given up, and done on the next start."""
        self._going = False
        self._wake.set()

    def run(self) -> None:
        """Run the thread: a turn when woken, and once a minute."""
        if sys.platform == "linux":
            # On Linux a "process" is a thread here, so this slows down nothing but us.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while self._going:
            self.turn()
            self._wake.wait(LOOK_EVERY)
            self._wake.clear()

    def turn(self) -> None:
        """Seal what waits for it, the oldest first, and apply retention before, after each, and when
        one cannot be sealed."""
        if not self._trying(self._looking, self._look_around):
            return
        self._trying(self._settling, self._settle)
        self._stuck = False
        with contextlib.suppress(Interrupted):
            self._trying(self._removing, self._retain)
            while self._going and self._trying(self._compressing, self._seal_one):
                self._trying(self._removing, self._retain)
            if self._stuck:
                self._trying(self._removing, self._retain)

    def _look_around(self) -> bool:
        """Look at the clock, where the directory is, and whether it is still ours."""
        self._look_at_clock()
        self._look_for_directory()
        self._lock.check()
        return True

    def _look_at_clock(self) -> None:
        before = self._time.doubted
        now = self._now()
        self._moment = self._time.believe(now, self._disk.monotonic())
        doubted = self._time.doubted
        if doubted is None:
            self._lock.believe(self._moment)
        elif doubted != before and now > self._moment and self.policy.keep_days is not None:
            self._tell(
                log.warn,
                "the clock is {days:.1f} days ahead of where it should be; until that has lasted for a"
                " day, --keep-days goes by where it should be",
                days=(now - self._moment) / DAY,
            )

    def _look_for_directory(self) -> None:
        moved, before = self._disk.moved(), self._moved
        if moved and moved != before:
            self._tell(
                log.warn,
                "the store {directory} was moved to {moved}, where this server goes on with it until"
                " it is started again",
                directory=str(self._disk.directory),
                moved=moved,
            )
        self._moved = moved

    def _trying(self, trouble: Trouble, step: Callable[[], bool]) -> bool:
        """Do a step; log when it begins to fail, and when that is over. False if it failed."""
        try:
            done = step()
        except Interrupted:
            raise
        except Exception as error:
            trouble.failed(reason(error))
            return False
        trouble.works()
        return done

    def _settle(self) -> bool:
        settle(self._disk, self._rivals, self._active(), self._tell)
        return True

    def _seal_one(self) -> bool:
        """Seal the oldest plain segment. False if there is none."""
        # A file with the number of the active segment may yet be given its old name back.
        active = self._active()
        for segment in sealed_segments(self._disk):
            if segment.form is Form.PLAIN and segment.number < active:
                self._stuck = True
                if self._disk.stat(segment.name).st_size:
                    seal(segment, self._disk, lambda: self._going)
                    self.sealed += 1
                else:
                    self._disk.unlink(segment.name)
                self._stuck = False
                return True
        return False

    def _retain(self) -> bool:
        removed = retain(self._disk, self.policy, self._moment, stuck=self._stuck)
        self.removed += len(removed)
        for segment in removed:
            self._tell(
                log.info, "removed {path}, by the policy", path=self._disk.path(segment.name)
            )
        return True
