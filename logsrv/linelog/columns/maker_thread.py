"""The thread of the server that has columns made: one segment at a time, the newest first.

A process of the lowest priority does the work (child_process.py). Only a stop of the server waits for this
thread, for a moment: the directory must be the server's when a file gets its name.
"""

from __future__ import annotations

import errno
import threading
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from logsrv.clock import Clock
from logsrv.installation import how_to_install
from logsrv.kit.observe.metrics import LONG, Durations
from logsrv.linelog.columns.child_process import (
    ColumnsOutcome,
    ColumnsProcess,
    columns_are_installed,
)
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.fault_state import FaultState, InReactor
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.sealing.seal import Interrupted
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.starting.making import AnotherMakesFiles
from logsrv.state_table import state_table

log = Logger()
LOOK_EVERY = 60.0
ENDS_WITHIN = 3.0
# Seconds. A segment is left alone for so long after its columns could not be made.
TRY_AGAIN = 3600.0
# Seconds. After so long a segment is tried again that another process had: that of a killed server may not
# have ended yet.
TRY_OTHERS_AGAIN = 5.0
# Seconds. So often columns that somebody has removed are missed.
LIST_EVERY = 600.0
# Failures in a row after which this thread pauses: then the fault may be of the machine, not of a segment.
MOST_FAILURES = 3
_FAULT = "columns cannot be made, trying again later: {why}", "columns can be made again"
# Errors of the whole disk: after them, no other columns can be made either.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


NEXT = state_table(
    {
        # No thread yet.
        "NEW": {"want": "MAKING", "want_none": "NEW", "stop": "STOPPING"},
        "MAKING": {"want": "MAKING", "want_none": "RESTING", "stop": "STOPPING"},
        # The policy wants no columns: the thread waits for another.
        "RESTING": {"want": "MAKING", "want_none": "RESTING", "stop": "STOPPING"},
        # The thread ends after what it does now. The policy may change meanwhile.
        "STOPPING": {"want": "STOPPING", "want_none": "STOPPING", "stop": "STOPPING"},
    }
)
"""The states: for each the events, and the state after each event."""


class SealedStore(Protocol):
    """The part of a `Store` that this thread uses; each method may be called in any thread."""

    disk: Disk

    def sealed_segments(self) -> list[Segment]: ...

    def ensure_locked(self) -> None: ...

    def measure_again(self, segment: Segment) -> None: ...


class ColumnMaker:
    """Makes the columns that sealed segments of a store lack, while it holds the directory.

    left: the segments that wait for it, the newest last. seconds: how long each took.
    """

    def __init__(
        self,
        store: SealedStore,
        *,
        clock: Clock,
        tell: InReactor,
        process: ColumnsProcess | None = None,
    ) -> None:
        self.left: list[Segment] = []
        self.seconds = Durations(LONG)
        self._store, self._clock, self._tell = store, clock, tell
        self._process = process or ColumnsProcess()
        self._state = "NEW"
        # Free bytes that are left to new lines.
        self._kept_free = 0
        self._fault = FaultState(tell, *_FAULT, seconds=clock.monotonic)
        # By number: segments that need nothing while a file is there, each with the name of that file; and
        # for others the time before which they are not tried again.
        self._done: dict[int, str] = {}
        self._not_before: dict[int, float] = {}
        # When the last look began.
        self._began = 0.0
        self._listed = -LIST_EVERY
        self._failures = 0
        # The log says once that the extra is missing, and not at each reload.
        self._missing_reported = False
        self._reported: set[int] = set()
        self._wake = clock.event()
        self._ended: Deferred[None] = Deferred()

    def apply(self, policy: StorePolicy) -> None:
        """Use another policy from now on, and start the thread at the first one that wants columns."""
        self._kept_free = policy.rotate_size
        is_wanted = policy.columns and columns_are_installed()
        before = self._state
        self._advance("want" if is_wanted else "want_none")
        self._listed = -LIST_EVERY
        self.look_soon()
        if before == "NEW" and is_wanted:
            threading.Thread(target=self._run, name="store-columns", daemon=True).start()
        elif policy.columns and not is_wanted and not self._missing_reported:
            self._missing_reported = True
            log.info("no columns are made without the extra: {how}", how=how_to_install("columns"))

    def _advance(self, event: str) -> None:
        self._state = NEXT[self._state][event]

    def look_soon(self) -> None:
        """Look for segments without columns soon; may be called in any thread."""
        self._wake.set()

    def stop(self, reactor: IReactorTime) -> Deferred[None]:
        """End the process and the thread; the Deferred fires soon, also if the thread hangs in a call."""
        if self._state == "NEW":
            self._ended.callback(None)
        self._advance("stop")
        self._wake.set()
        self._ended.addTimeout(ENDS_WITHIN, reactor, onTimeoutCancel=lambda *_: None)
        return self._ended

    def _run(self) -> None:
        while self._is_running():
            if self._state == "MAKING":
                self._fault.attempt(self._make_until_stopped, given_up=Interrupted)
                self._process.end()
            # `_make_all` may have cleared the event of a stop.
            if self._state != "STOPPING":
                self._wake.wait(self._seconds_to_next_look() if self._state == "MAKING" else None)
        # After a time-out, the Deferred ignores this.
        self._tell(self._ended.callback, None)

    def _is_running(self) -> bool:
        # The state is read after the event is cleared: the reactor's thread sets them in the other order.
        self._wake.clear()
        return self._state != "STOPPING"

    def _seconds_to_next_look(self) -> float:
        now = self._clock.monotonic()
        # Some may have become due while the columns of others were made.
        waits = [max(0.0, at - now) for at in self._not_before.values() if at > self._began]
        return min(LOOK_EVERY, *waits) if waits else LOOK_EVERY

    def _goes_on(self) -> bool:
        """Return false to stop the process. Raises OSError if the disk is nearly full."""
        if self._store.disk.free_and_total_bytes()[0] < self._kept_free:
            # The sentence is constant, so it is logged once.
            raise OSError(errno.ENOSPC, "the free space is kept for new lines")
        return self._state == "MAKING"

    def _make_until_stopped(self) -> None:
        try:
            self._make_all()
        except OSError:
            # A stop that waited no longer has closed the directory.
            if self._state == "STOPPING":
                raise Interrupted from None
            raise

    def _make_all(self) -> None:
        """Make all missing columns; begin again with the newest whenever a segment was sealed."""
        self._began = self._clock.monotonic()
        self._look_for_removed()
        self._failures, self.left = 0, self._lacking()
        while self.left and self._failures < MOST_FAILURES and self._state == "MAKING":
            self._make(self.left[-1])
            self.left.pop()
            if self._wake.is_set():
                self._wake.clear()
                self.left = self._lacking()

    def _look_for_removed(self) -> None:
        """Forget segments whose columns somebody has removed, or that are gone."""
        if (now := self._clock.monotonic()) - self._listed >= LIST_EVERY:
            # Before the listing: a reload during it asks for another one.
            self._listed = now
            try:
                names = self._store.disk.entries()
            except OSError:
                self._listed = -LIST_EVERY
                raise
            self._done = {number: file for number, file in self._done.items() if file in names}

    def _lacking(self) -> list[Segment]:
        """Return the packed segments whose columns are not known to be there, the newest last."""
        now = self._clock.monotonic()
        return [
            one
            for one in self._store.sealed_segments()
            if one.form is Form.PACKED
            and one.number not in self._done
            and self._not_before.get(one.number, now) <= now
        ]

    def _make(self, segment: Segment) -> None:
        """Make the columns of a segment, if it needs any. Raises OSError for a fault of the disk."""
        disk, begun = self._store.disk, self._clock.monotonic()
        try:
            self._store.ensure_locked()
            made = self._process.make(segment, disk, self._goes_on)
        except AnotherMakesFiles:
            # A command makes them: then they are there soon, unless it is ended.
            self._not_before[segment.number] = self._clock.monotonic() + TRY_OTHERS_AGAIN
            return
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
                raise
            if disk.has_name(segment.name):
                self._log_failure(segment, error)
            return
        self._failures = 0
        self._done[segment.number] = (
            segment.name if made is ColumnsOutcome.NONE else segment.columns
        )
        if made is ColumnsOutcome.MADE:
            self.seconds.add(self._clock.monotonic() - begun)
            self._store.measure_again(segment)

    def _log_failure(self, segment: Segment, error: Exception) -> None:
        self._failures += 1
        if segment.number not in self._reported:
            self._reported.add(segment.number)
            self._tell(
                log.warn,
                "{path} cannot be made, and figures of its segment read the text: {why}",
                path=self._store.disk.path(segment.columns),
                why=explanation(error),
            )
        self._not_before[segment.number] = self._clock.monotonic() + TRY_AGAIN
