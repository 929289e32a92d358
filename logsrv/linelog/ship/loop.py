"""The loop of a shipper: ask, read, send, wait; one thing at a time.

    state     event    next       what happens
    IDLE      start    LOCKING
    IDLE      stop     STOPPED
    LOCKING   due      LOCKING    another process ships under this name: tried again each second
    LOCKING   locked   ASKING
    LOCKING   stop     STOPPED
    ASKING    there    READING    the place to go on from is known
    ASKING    failed   PAUSING
    ASKING    strange  HALTED     the target has the lines of another store: the operator has to decide
    ASKING    stop     STOPPED
    READING   found    SENDING
    READING   nothing  WAITING
    READING   failed   PAUSING
    READING   stop     STOPPED
    SENDING   taken    WAITING    the target has it for good
    SENDING   failed   PAUSING    the target may have it or not
    SENDING   strange  HALTED     the archive has another segment of this name
    SENDING   stop     ENDING     waits a few seconds for the answer
    WAITING   due      READING
    WAITING   quiet    ASKING     nothing was sent for a minute: the target may have lost text
    WAITING   stop     STOPPED
    PAUSING   due      ASKING
    PAUSING   stop     STOPPED
    HALTED    stop     STOPPED
    ENDING    taken    STOPPED
    ENDING    failed   STOPPED
    ENDING    due      STOPPED

After any failure the target is asked again, because without an answer its place is unknown.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import LogsrvError, StoreError
from logsrv.kit.text.transitions import parse_transitions
from logsrv.linelog.ship.messages import ShipReport
from logsrv.linelog.ship.ship_place import ShipPlace
from logsrv.linelog.ship.target import (
    BlockTarget,
    ForeignStoreError,
    LineTarget,
    MisplacedBlock,
    RefusedForGood,
    SegmentTarget,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.store.disk import reason
from logsrv.linelog.store.segment import Position
from logsrv.timer import Timer

SHORTEST, LONGEST = 0.1, 30.0
"""Seconds: the shortest and the longest pause. The pause doubles after each failure."""


log = Logger()
AnyTarget = TypeVar("AnyTarget", BlockTarget, LineTarget, SegmentTarget)

ANSWER = 30.0
"""The seconds within which a target has to answer; then the call is cancelled, and has failed."""
LEAST = 1 << 16
"""Bytes: if no answer comes within ANSWER, the link may be slow; text is halved, down to this size."""
LOOK = 0.2
"""Seconds between two checks of a store that has nothing new, and so between two small sends."""
SAVE = 1.0
"""Seconds between two saves of the place."""
SAVE_AGAIN = 5.0
"""Seconds until the next save of the place, after one has failed."""
QUIET = 60.0
"""Seconds without a send until a target that keeps its own place is asked for it again."""
TRY = 1.0
"""Seconds between two attempts to lock the place."""
TRIES = 10
"""Failed attempts to lock before a report: the process of a killed daemon may run on for a few seconds."""
BUSY = 10.0
"""Seconds for which a target may ask to be tried again before it counts as down."""
LAST = 4.0
"""Seconds for each step at the end: waiting for a last answer, and closing the connections."""

NEXT = parse_transitions(__doc__)


@attrs.define(eq=False, kw_only=True)
class ShipLoop(Generic[AnyTarget]):
    """The loop of a shipper, from `start` to `stop`; `state` is a state of the table above.

    store: the identity of the store. random: returns a number from 0 to 1. report: called with each report.

    position: the place up to which the target has all text; None while that is unknown. patience: the
    seconds that the target has to acknowledge a send. more_to_send: whether the next send may follow at
    once.
    """

    _target: AnyTarget
    _kept: ShipPlace
    _store: str
    _clock: IReactorTime
    _random: Callable[[], float]
    _report: Callable[[ShipReport], object]
    state: str = attrs.field(init=False, default="IDLE")
    position: Position | None = attrs.field(init=False, default=None)
    patience: float = attrs.field(init=False, default=ANSWER)
    _timer: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)
    _saving: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)
    _pauses: RetryPauses = attrs.Factory(lambda self: RetryPauses(self._random), takes_self=True)
    # The time of the last question to the target, or of its last acknowledgement.
    _asked: float = attrs.field(init=False, default=0.0)
    _tries: int = attrs.field(init=False, default=0)
    _call: Deferred[Any] | None = attrs.field(init=False, default=None)
    _saved: Position | None = attrs.field(init=False, default=None)
    _up: bool | None = attrs.field(init=False, default=None)
    # The time since which the target has only asked to be tried again; None if it took something since.
    _busy_since: float | None = attrs.field(init=False, default=None)
    _stopped: Deferred[None] | None = attrs.field(init=False, default=None)

    @property
    @abstractmethod
    def more_to_send(self) -> bool: ...

    @abstractmethod
    def find_place(self) -> Deferred[None]:
        """Find the place to go on at. Fails with Unavailable, ForeignStoreError, StoreError or OSError."""

    @abstractmethod
    def prepare_send(self) -> bool:
        """Prepare the next send; return whether there is one. Raises the errors of `find_place`."""

    @abstractmethod
    def send_prepared(self) -> Deferred[None]:
        """Send the prepared text; fires when the target has acknowledged it. Fails as the target does."""

    def close(self) -> Deferred[None]:
        """Close the target, and all files but the place."""
        return maybeDeferred(self._target.close)

    def start(self) -> None:
        self.state = NEXT[self.state, "start"]
        self._lock_place()

    def stop(self) -> Deferred[None]:
        """End the loop; fires within a few seconds, when the place is saved and the target is closed."""
        if self._stopped is None:
            self._stopped = Deferred()
            self.state = NEXT[self.state, "stop"]
            if self.state == "ENDING":
                self._timer.start(LAST, self._take_due_step, self._save_and_close)
            else:
                self._save_and_close()
        return self._stopped

    def _lock_place(self) -> None:
        try:
            locked = self._kept.lock()
        except OSError as error:
            self._report_trouble(
                f"the place of {self._kept.name} cannot be locked: {reason(error)}"
            )
            locked = True
        if not locked:
            self._tries += 1
            if self._tries == TRIES:
                self._report_trouble(
                    f"another process ships as {self._kept.name} from this store: end it"
                )
            self._schedule_step(TRY, self._lock_place)
            return
        self.state = NEXT[self.state, "locked"]
        self._saving.start(SAVE, self._save_periodically)
        self._start_asking()

    def _start_asking(self) -> None:
        self._asked = self._clock.seconds()
        self._call_step(self.find_place, "there", self._start_reading)

    def _start_reading(self) -> None:
        try:
            found = self.prepare_send()
        except Exception:
            self._handle_failure(Failure())
            return
        if self._stopped is not None:
            # `prepare_send` made a report, and its receiver has stopped the loop.
            return
        if found:
            self.state = NEXT[self.state, "found"]
            self._call_step(self.send_prepared, "taken", self._continue_after_send)
        else:
            self.state = NEXT[self.state, "nothing"]
            # Nothing waits to be sent: the target has acknowledged all, or has not failed yet.
            self._record_success()
            if self._clock.seconds() - self._asked >= QUIET:
                self.state = NEXT[self.state, "quiet"]
                self._start_asking()
                return
            self._schedule_step(0 if self.more_to_send else LOOK, self._start_reading)

    def _continue_after_send(self) -> None:
        if self.state == "STOPPED":
            self._save_and_close()
            return
        self._record_success()
        self._asked = self._clock.seconds()
        # Between two sends the reactor gets a turn. If few lines arrive, a send waits until there are
        # several, because each send costs a sync of the disk on both sides.
        self._schedule_step(0 if self.more_to_send else LOOK, self._start_reading)

    def _schedule_step(self, seconds: float, step: Callable[[], None]) -> None:
        if self._stopped is None:
            self._timer.start(seconds, self._take_due_step, step)

    def _take_due_step(self, step: Callable[[], None]) -> None:
        self.state = NEXT[self.state, "due"]
        step()

    def _call_step(
        self, make: Callable[[], Deferred[None]], event: str, then: Callable[[], None]
    ) -> None:
        """Make a call, with a time limit. If it succeeds, `event` happens, and `then` is called."""

        def answered(_: None) -> None:
            if self._stopped is None or self.state == "ENDING":
                self.state = NEXT[self.state, event]
                then()

        seconds = self.patience if event == "taken" else ANSWER
        call = self._call = maybeDeferred(make).addTimeout(
            seconds, self._clock, onTimeoutCancel=_raise_no_answer
        )
        call.addCallbacks(answered, self._handle_failure)
        call.addErrback(self._log_own_error)

    def _handle_failure(self, failure: Failure) -> None:
        if self.state == "ENDING":
            self.state = NEXT[self.state, "failed"]
            self._save_and_close()
        elif self._stopped is not None:
            return
        elif isinstance(failure.value, ForeignStoreError):
            self.state = NEXT[self.state, "strange"]
            self._report(ShipReport("stopped", str(failure.value)))
        else:
            self.state = NEXT[self.state, "failed"]
            self._report_and_pause(failure)

    def _report_and_pause(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, Unavailable):
            pause = self._pauses.next_pause(after=error.after, settled=error.settled)
            found = "settled" if error.settled else "unavailable"
        elif isinstance(error, TooMuchAtOnce | RefusedForGood):
            # No pause: the text is sent again in smaller pieces, down to one line.
            pause, found = 0.0, "too-large" if isinstance(error, TooMuchAtOnce) else "refused"
        else:
            pause, found = self._pauses.next_pause(), _reason_for_counters(failure)
        why = str(error) if isinstance(error, LogsrvError) else _failure_reason(failure)
        if found == "store":
            known = isinstance(error, StoreError)
            self._report_trouble(why if known else f"the store cannot be read: {why}")
        is_down = found in ("unavailable", "settled", "error") and not self._is_busy(error)
        if is_down and self._up is not False:
            self._up = False
            self._report(ShipReport("down", why))
            if isinstance(error, Unavailable):
                # Save the place, so that later removals count as gaps from there on, even after a kill.
                self._save_place()
        self._report(ShipReport("retry", why, reason=found, seconds=pause))
        self._schedule_step(pause, self._start_asking)

    def _is_busy(self, error: BaseException | None) -> bool:
        """Return whether the target only asks to be tried again, and has not done so for long."""
        if not isinstance(error, Unavailable) or not error.busy:
            return False
        now = self._clock.seconds()
        self._busy_since = now if self._busy_since is None else self._busy_since
        return now - self._busy_since < BUSY

    def _record_success(self) -> None:
        self._pauses.reset()
        self._busy_since = None
        if not self._up:
            self._up = True
            self._report(ShipReport("up", self._target.promise))

    def _log_own_error(self, failure: Failure) -> None:
        """Log an error in the shipper's own code, and go on after a pause."""
        log.failure("an error of a shipper", failure=failure)
        self._report_trouble(f"an error of the shipper itself: {_failure_reason(failure)}")
        if self._stopped is None:
            self.state = "PAUSING"
            self._schedule_step(self._pauses.next_pause(), self._start_asking)

    def _save_and_close(self) -> None:
        self._timer.stop()
        self._saving.stop()
        if self._call is not None:
            self._call.cancel()
        self._save_place()
        closed = maybeDeferred(self.close).addTimeout(LAST, self._clock)
        closed.addErrback(lambda _: None).addCallback(self._fire_stopped)

    def _fire_stopped(self, _: None) -> None:
        self._kept.close()
        assert self._stopped is not None
        self._stopped.callback(None)

    def _save_periodically(self) -> None:
        self._saving.start(SAVE if self._save_place() else SAVE_AGAIN, self._save_periodically)

    def _save_place(self) -> bool:
        """Save the place if it has changed, and report it; return False if saving fails."""
        position = self.position
        if position is None:
            return True
        if position != self._saved:
            try:
                self._kept.save(self._store, position)
            except OSError as error:
                self._report_trouble(
                    f"the place of {self._kept.name} cannot be saved: {reason(error)}"
                )
                return False
            self._saved = position
        # Report the place even if it was not saved now: it may have gone back and returned meanwhile.
        self._report(ShipReport("kept", position=position))
        return True

    def _report_trouble(self, why: str) -> None:
        self._report(ShipReport("trouble", why))


def _raise_no_answer(_: object, seconds: float) -> NoReturn:
    raise Unavailable(f"no answer within {seconds:g} s")


def _failure_reason(failure: Failure) -> str:
    assert failure.value is not None
    return reason(failure.value)


def _reason_for_counters(failure: Failure) -> str:
    """Return the word that counters use for a failure."""
    if failure.check(MisplacedBlock):
        return "misplaced"
    if failure.check(OSError, StoreError):
        return "store"
    log.failure("an error of a shipper", failure=failure)
    return "error"


SETTLED = 60.0
"""Seconds between two attempts if the cause of the failure does not pass by itself."""
MOST_ASKED = 3600.0
"""Seconds: the longest pause, even if a target asks for more."""


class RetryPauses:
    """Pauses that grow until an attempt succeeds. random: returns a number from 0 to 1.

    The length is random, from a half to the whole of a pause, so that many shippers do not all try again at
    the same time.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next = SHORTEST

    def reset(self) -> None:
        """Go back to the shortest pause, after a success."""
        self._next = SHORTEST

    def next_pause(self, *, after: float | None = None, settled: bool = False) -> float:
        """Return how many seconds to wait before the next attempt.

        after: the seconds that the target has asked for. settled: whether the cause does not pass by
        itself; then the result is SETTLED.
        """
        if settled:
            return SETTLED
        longest, self._next = self._next, min(self._next * 2, LONGEST)
        pause = longest * (1 + self._random()) / 2
        return pause if after is None else min(max(after, pause), MOST_ASKED)
