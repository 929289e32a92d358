"""Making lines safe, and telling those who wait for that: the thread that syncs, and Deferreds.

The writer never waits for the thread that syncs.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable
from queue import Empty

import attrs
from twisted.internet.defer import Deferred

from logsrv.clock import Clock
from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Durations
from logsrv.linelog.store.active import ActiveSegment, LeftSegment
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.fault_state import SYNCING, FaultState, InReactor
from logsrv.linelog.store.notes.segment_notes import note_waiting
from logsrv.linelog.store.policy import Sync
from logsrv.linelog.store.segment import Position, Segment, note_synced

SYNC_EVERY = 1.0


@attrs.frozen
class SyncFailure:
    """A failed sync: the bytes `start` to `end`, counted since `open`, may never reach the medium."""

    start: int
    end: int
    why: str

    def make_error(self) -> StoreError:
        """Return the error for callers that waited for these bytes."""
        return StoreError(f"lines could not be synced to the disk: {self.why}")


@attrs.frozen
class _Waiter:
    """A Deferred for the bytes from `since` to `total`."""

    since: int
    total: int
    done: Deferred[None] = attrs.field(factory=Deferred)


class DurableWaiters:
    """Deferreds in the order of the totals of bytes that they wait for; belongs to the reactor's thread."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiter] = deque()
        self._failure = SyncFailure(0, 0, "")

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, total: int, since: int | None = None) -> Deferred[None]:
        """Return a Deferred that fires when `total` bytes are safe.

        It fails, now or later, if a sync of a byte from `since` to `total` fails. since: None stands for
        the last of these bytes.
        """
        waiter = _Waiter(total - 1 if since is None else since, total)
        if self._failure.start < total and waiter.since < self._failure.end:
            waiter.done.errback(self._failure.make_error())
        else:
            self._waiting.append(waiter)
        return waiter.done

    def fire_reached(self, total: int) -> None:
        """Fire the Deferreds that wait for `total` or less."""
        while self._waiting and self._waiting[0].total <= total:
            self._waiting.popleft().done.callback(None)

    def apply_sync_failure(self, failure: SyncFailure) -> None:
        """Fire the Deferreds for bytes before the failure; fail the Deferreds for bytes in it."""
        self._failure = failure
        self.fire_reached(failure.start)
        hit = [waiter for waiter in self._waiting if waiter.since < failure.end]
        self._waiting = deque(waiter for waiter in self._waiting if waiter.since >= failure.end)
        for waiter in hit:
            waiter.done.errback(failure.make_error())

    def fail_all(self, error: StoreError) -> None:
        """Fail all Deferreds."""
        while self._waiting:
            self._waiting.popleft().done.errback(error)


class Syncer:
    """Syncs the active segment once a second under Sync.INTERVAL, and segments that the writer has left.

    Under Sync.ALWAYS it syncs the lines of an earlier policy. Under Sync.NEVER it syncs neither; only a
    failed sync of the active segment is repeated. It has its own descriptors, and closes both descriptors
    of a segment that the writer has left. No other thread closes them, so a descriptor cannot become that
    of another file during a sync.

    syncing, sync_seconds: its fault state, and the durations of its syncs. sealable: called for each
    segment that the writer has left, with the sealed segment, or None if its name is unknown.
    """

    def __init__(
        self,
        active: ActiveSegment,
        disk: Disk,
        *,
        clock: Clock,
        tell: InReactor,
        sealable: Callable[[Segment | None], None],
    ) -> None:
        self.syncing = FaultState(tell, *SYNCING, seconds=clock.monotonic)
        self.sync_seconds = Durations()
        self._active = active
        self._disk = disk
        self._sealable = sealable
        self._monotonic = clock.monotonic
        # True while every segment that the writer has left is on the medium: only then may a position in
        # the active segment be noted.
        self._whole = True
        self._noted = active.synced
        # The number after the last segment that was taken from the queue. The active segment may be a later
        # one: `get` may time out although a segment has just been put into the queue.
        self._reached = active.beside[0] - active.left.qsize()

    def run(self) -> None:
        """Run the thread until None comes from the queue of segments."""
        due = self._monotonic() + SYNC_EVERY
        while True:
            try:
                left = self._active.left.get(timeout=max(0.0, due - self._monotonic()))
            except Empty:
                self._sync_active_if_due()
                self.note_synced_position(self._active.synced)
                due = self._monotonic() + SYNC_EVERY
                continue
            if left is None:
                return
            self._sync_and_close_left(left)

    def _sync_active_if_due(self) -> None:
        active, syncing = self._active, self.syncing
        number, fd = active.beside
        position = active.position
        interval = active.policy.sync is Sync.INTERVAL
        wanted = position != active.synced if interval else active.synced < active.owed
        if number == position.segment == self._reached and (wanted or syncing.why is not None):
            syncing.attempt(self.sync_seconds.timed, self._disk.fdatasync, fd)
            if syncing.why is not None:
                active.doubtful = number
            elif active.doubtful != number:
                active.synced = position

    def _sync_and_close_left(self, left: LeftSegment) -> None:
        if self._active.policy.sync is Sync.NEVER:
            self._whole = False
        else:
            self.syncing.attempt(self.sync_seconds.timed, self._sync_left_file, left.beside)
            self._whole = self._whole and self.syncing.why is None
            self._note_size(left)
        for one in left.fd, left.beside:
            # An error here, on a network file system, is about synced bytes, or was logged before.
            with contextlib.suppress(OSError):
                os.close(one)
        self._reached += 1
        self._sealable(left.sealed)
        if left.sealed is not None:
            self._active.leaving.popleft()

    def _note_size(self, left: LeftSegment) -> None:
        """Note the size of a synced segment, so that it is noticed if somebody shortens the file."""
        sealed = left.sealed
        if (
            sealed
            and left.size
            and self.syncing.why is None
            and self._active.doubtful != sealed.number
        ):
            with contextlib.suppress(OSError):
                note_waiting(sealed.number, left.size, self._disk)

    def _sync_left_file(self, fd: int) -> None:
        try:
            self._disk.fdatasync(fd)
        finally:
            self._disk.sync_directory()

    def note_synced_position(self, synced: Position) -> None:
        """Note how far all is on the medium: a start after a power cut checks the text after that.

        The note is not synced, because an older one is still true.
        """
        if self._whole and synced != self._noted and synced.segment <= self._reached:
            with contextlib.suppress(OSError):
                note_synced(synced, self._disk)
                self._noted = synced
