"""The two threads beside the writer: one syncs, one seals and removes. Neither ever makes it wait."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable
from queue import Empty
from time import monotonic

from twisted.logger import Logger

from logsrv.kit.observe.durations import LONG, Durations
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.disk.lock import DirectoryLock
from logsrv.linelog.store.disk.trouble import InReactor, Trouble
from logsrv.linelog.store.policy import DAY, Indexing, StorePolicy, Sync
from logsrv.linelog.store.recover import settle
from logsrv.linelog.store.sealing.packing import pack_beside
from logsrv.linelog.store.sealing.retain import BelievedTime, measure, retain, size_of
from logsrv.linelog.store.sealing.seal import Interrupted, seal
from logsrv.linelog.store.segments.segment import (
    Form,
    Position,
    Segment,
    note_synced,
    rivals,
    save_number,
    sealed_segments,
)
from logsrv.linelog.store.writing.active import ActiveSegment

log = Logger()
SYNC_EVERY = 1.0
LOOK_EVERY = 60.0
# Empty segments, as starts after a crash leave them, stay for a while: who follows the store passes through
# them, and would take a number that is missing for lines that were removed.
EMPTY_KEPT = 16
# With these no other segment can be sealed either.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Syncer:
    """Syncs the active segment once a second if the policy says so, and segments that are no longer active.

    It uses descriptors of its own, never the writer's, and closes both when a segment is left: no other
    thread closes one meanwhile, so what is synced cannot become another file.

    seconds: how long syncs take. sealable: is called when a segment was left.
    """

    def __init__(
        self,
        active: ActiveSegment,
        disk: Disk,
        syncing: Trouble,
        seconds: Durations,
        sealable: Callable[[], None],
    ) -> None:
        self._active = active
        self._disk = disk
        self._syncing = syncing
        self._seconds = seconds
        self._sealable = sealable
        # Every segment that was left is on the medium, so a place in the active one can be named.
        self._whole = True
        self._noted = active.synced

    def run(self) -> None:
        """Run the thread, until there are no more segments to leave."""
        due = monotonic() + SYNC_EVERY
        while True:
            try:
                left = self._active.left.get(timeout=max(0.0, due - monotonic()))
            except Empty:
                self._sync_active()
                self.note(self._active.synced)
                due = monotonic() + SYNC_EVERY
                continue
            if left is None:
                return
            self._take_over(*left)

    def _sync_active(self) -> None:
        active, syncing = self._active, self._syncing
        number, fd = active.beside
        position = active.position
        wanted = active.policy.sync is Sync.INTERVAL and position != active.synced
        if position.segment == number and (wanted or syncing.why is not None):
            syncing.attempt(self._seconds.timed, self._disk.fdatasync, fd)
            if syncing.why is not None:
                active.doubtful = number
            elif active.doubtful != number:
                active.synced = position

    def _take_over(self, writers: int, fd: int) -> None:
        if self._active.policy.sync is Sync.NEVER:
            self._whole = False
        else:
            self._syncing.attempt(self._seconds.timed, self._sync_left, fd)
            self._whole = self._whole and self._syncing.why is None
        for one in writers, fd:
            # An error of a network file system here is about synced bytes, or has been told.
            with contextlib.suppress(OSError):
                os.close(one)
        self._sealable()

    def _sync_left(self, fd: int) -> None:
        try:
            self._disk.fdatasync(fd)
        finally:
            self._disk.sync_directory()

    def note(self, synced: Position) -> None:
        """Write down how far everything is on the medium: a start after a power cut looks behind that.

        Not synced: whatever of these notes is on the medium was true when it was written.
        """
        if self._whole and synced != self._noted:
            with contextlib.suppress(OSError):
                note_synced(synced, self._disk)
                self._noted = synced


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
        self.compressing.attempt(self._seal_all, now, given_up=Interrupted)
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

    def _seal_all(self, now: float) -> None:
        """Seal all plain segments, the oldest first; raises what the first raised that cannot be sealed.

        Those behind it are sealed all the same, unless no segment can be.
        """
        failed: OSError | None = None
        while waiting := self._waiting():
            for one in waiting:
                try:
                    self._seal(one)
                except OSError as error:
                    failed = failed or error
                    if error.errno in _OF_THE_DISK:
                        raise
                else:
                    self._retain(now)
            if failed is not None:
                raise failed

    def _waiting(self) -> list[Segment]:
        # A file with the number of the active segment may yet be given its old name back.
        active = self._active.position.segment
        found = sealed_segments(self._disk) if self._going else []
        plain = [one for one in found if one.form is Form.PLAIN and one.number < active]
        return [
            one
            for one in plain
            if one.number < active - EMPTY_KEPT or size_of(one.name, self._disk)
        ]

    def _seal(self, plain: Segment) -> None:
        if not size_of(plain.name, self._disk):
            # Its name tells the numbers that are used up; from now on the file `number` does.
            save_number(self._active.position.segment, self._disk)
            self._disk.unlink(plain.name)
            return
        with_words = self.policy.index is Indexing.WORDS
        self.seconds.timed(
            seal,
            plain,
            self._disk,
            lambda: self._going,
            with_words=with_words,
            pack=pack_beside,
        )
        self.sealed += 1

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
