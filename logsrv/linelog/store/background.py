"""The two threads beside the writer: one syncs, one seals and removes. Neither ever makes it wait."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from queue import Empty
from time import monotonic

from twisted.logger import Logger

from logsrv.kit.observe.durations import LONG, Durations
from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.packing import pack_beside
from logsrv.linelog.store.policy import DAY, Indexing, StorePolicy, Sync
from logsrv.linelog.store.recover import settle
from logsrv.linelog.store.retain import BelievedTime, measure, retain
from logsrv.linelog.store.seal import Interrupted, seal
from logsrv.linelog.store.segment import Form, Position, rivals, sealed_segments
from logsrv.linelog.store.trouble import InReactor, Trouble

log = Logger()
SYNC_EVERY = 1.0
LOOK_EVERY = 60.0


def sync_beside(
    active: ActiveSegment,
    synced: Position,
    disk: Disk,
    syncing: Trouble,
    seconds: Durations,
    sealable: Callable[[], None],
) -> None:
    """Run the thread that syncs the active segment once a second if the policy says so.

    It takes over old descriptors too, until there will be no more, and calls `sealable` when one is
    closed. No other thread closes a descriptor of a segment meanwhile, so the one that is synced cannot
    become another file.

    synced: the position up to which nothing has to be synced. seconds: how long syncs take.
    """
    due = monotonic() + SYNC_EVERY
    while True:
        try:
            old = active.left.get(timeout=max(0.0, due - monotonic()))
        except Empty:
            position = active.position
            wanted = active.policy.sync is Sync.INTERVAL and position != synced
            if wanted or syncing.why is not None:
                syncing.attempt(seconds.timed, disk.fdatasync, active.fd)
                if syncing.why is None:
                    synced = position
            due = monotonic() + SYNC_EVERY
            continue
        if old is None:
            return
        if active.policy.sync is not Sync.NEVER:
            syncing.attempt(seconds.timed, disk.fdatasync, old)
            with contextlib.suppress(OSError):
                disk.sync_directory()
        os.close(old)
        sealable()


class Sealer:
    """Compresses full segments and removes the oldest by the policy, at the lowest priority.

    now: the time of day, in seconds since 1970. It touches nothing while the directory's lock is not
    ours.

    kept: how many sealed segments there are, and their bytes, as it last saw them. compressing,
    removing: what goes wrong with that, if anything does.
    """

    def __init__(
        self,
        active: ActiveSegment,
        policy: StorePolicy,
        *,
        disk: Disk,
        lock: DirectoryLock,
        now: Callable[[], float],
        tell: InReactor,
    ) -> None:
        self.policy = policy
        self.sealed = 0
        self.removed = 0
        self.kept = (0, 0)
        self.seconds = Durations(LONG)
        self._active = active
        self._disk = disk
        self._lock = lock
        self._now = now
        self._tell = tell
        self._time = BelievedTime(now() if lock.believed is None else lock.believed, monotonic())
        self._moved: str | None = None
        self._looking = self._trouble("looking after old segments")
        self._settling = self._trouble("looking at segments of the same number")
        self.removing = self._trouble("removing old segments")
        self.compressing = self._trouble("compressing a segment")
        # Recovery has said these, a moment ago.
        self._rivals = {one.name for one, _ in rivals(disk)}
        self._wake = threading.Event()
        self._going = True

    def _trouble(self, what: str) -> Trouble:
        starts = "{what} failed, trying again later: {why}"
        return Trouble(self._tell, starts, "{what} works again", what=what)

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
            self._turn()
            self._wake.wait(LOOK_EVERY)
            self._wake.clear()

    def _turn(self) -> None:
        """Seal what waits for it, the oldest first, and apply retention before, after each, and when
        one cannot be sealed."""
        now = self._looking.attempt(self._look_around)
        if now is None:
            return
        self._settling.attempt(
            settle, self._disk, self._rivals, self._active.position.segment, self._tell
        )
        self._retain(now)
        while self._going and self.compressing.attempt(self._seal_one, given_up=Interrupted):
            self._retain(now)
        if self._going and self.compressing.why is not None:
            self._retain(now, stuck=True)

    def _look_around(self) -> float:
        """Return the time to go by; look where the directory is, and make sure that it is still ours."""
        before, clock = self._time.doubted, self._now()
        believed = self._time.believe(clock, monotonic())
        if self._time.doubted is None:
            self._lock.believe(believed)
        elif (
            self._time.doubted != before and clock > believed and self.policy.keep_days is not None
        ):
            self._tell(
                log.warn,
                "the clock is {days:.1f} days ahead of where it should be; until that has lasted for a"
                " day, --keep-days goes by where it should be",
                days=(clock - believed) / DAY,
            )
        moved = self._disk.moved()
        if moved and moved != self._moved:
            self._tell(
                log.warn,
                "the store {directory} was moved to {moved}, where this server goes on with it until"
                " it is started again",
                directory=str(self._disk.directory),
                moved=moved,
            )
        self._moved = moved
        self._lock.check()
        return believed

    def _seal_one(self) -> bool:
        """Seal the oldest plain segment. False if there is none."""
        # A file with the number of the active segment may yet be given its old name back.
        active = self._active.position.segment
        for segment in sealed_segments(self._disk):
            if segment.form is Form.PLAIN and segment.number < active:
                if self._disk.stat(segment.name).st_size:
                    with_words = self.policy.index is Indexing.WORDS
                    self.seconds.timed(
                        seal,
                        segment,
                        self._disk,
                        lambda: self._going,
                        with_words=with_words,
                        pack=pack_beside,
                    )
                    self.sealed += 1
                else:
                    self._disk.unlink(segment.name)
                return True
        return False

    def _retain(self, now: float, *, stuck: bool = False) -> None:
        removed = self.removing.attempt(lambda: retain(self._disk, self.policy, now, stuck=stuck))
        for segment in removed or ():
            self.removed += 1
            self._tell(
                log.info, "removed {path}, by the policy", path=self._disk.path(segment.name)
            )
        # A file that goes meanwhile is seen at the next look.
        with contextlib.suppress(OSError):
            self.kept = measure(self._disk)
