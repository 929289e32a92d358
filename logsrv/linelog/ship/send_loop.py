"""The loop of a shipper: ask, read, send, wait; one thing at a time.

It asks the target for the position to go on from, then it reads and sends. After any failure it pauses, and
asks again. So a lost answer is no case of its own. A target that keeps its place says up to where it has
the text, and the next block begins there: exactly once. For any other, the place is the end of what it has
acknowledged, and the lines without an answer are sent again: at least once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn, Protocol

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger

from logsrv.errors import LogsrvError, StoreError
from logsrv.linelog.ship.progress import Progress
from logsrv.linelog.ship.reports import AttemptFailed, ShipperStopped, TargetDown, TargetUp
from logsrv.linelog.ship.targets.target import (
    ANSWER,
    BlockTarget,
    ForeignStoreError,
    LineTarget,
    MisplacedBlock,
    RefusedForGood,
    SegmentTarget,
    TooMuchAtOnce,
    Unavailable,
    call_target,
)
from logsrv.linelog.store.disk import reason
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.state_table import state_table

log = Logger()

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


NEXT = state_table(
    {
        "NEW": {"start": "LOCKING", "stop": "STOPPING"},
        # No other process may ship under this name.
        "LOCKING": {"locked": "ASKING", "stop": "STOPPING"},
        # The target says where to go on.
        "ASKING": {
            "found": "READING",
            "failed": "PAUSING",
            "foreign": "REFUSED",
            "stop": "STOPPING",
        },
        # The next send is prepared; while nothing is new, the store is checked again and again.
        "READING": {
            "prepared": "SENDING",
            "quiet": "ASKING",
            "failed": "PAUSING",
            "foreign": "REFUSED",
            "stop": "STOPPING",
        },
        "SENDING": {
            # The next step may be taken: what was sent is acknowledged, or so few blocks wait that more
            # may go.
            "sent": "READING",
            "failed": "PAUSING",
            "foreign": "REFUSED",
            "stop": "STOPPING",
        },
        # After a failure.
        "PAUSING": {"again": "ASKING", "stop": "STOPPING"},
        # The target has the text of another store: the operator has to decide.
        "REFUSED": {"stop": "STOPPING"},
        # The answers in flight may still arrive; then the place is saved, and all is closed. The step that
        # was being taken ends, or is cancelled.
        "STOPPING": {
            "locked": "STOPPING",
            "found": "STOPPING",
            "sent": "STOPPING",
            "quiet": "STOPPING",
            "failed": "STOPPING",
            "foreign": "STOPPING",
            "again": "STOPPING",
        },
    }
)
"""The states: for each the events, and the state after each event."""


class SendSteps(Protocol):
    """The steps of a send loop that depend on what is sent: lines, blocks or segments.

    patience: the seconds that the target has to acknowledge the prepared send.
    """

    patience: float

    @property
    def target(self) -> LineTarget | BlockTarget | SegmentTarget: ...

    @property
    def more_to_send(self) -> bool:
        """True if the next send may follow at once."""

    async def find_place(self) -> None:
        """Find the position to go on at. Raises Unavailable, ForeignStoreError, StoreError or OSError."""

    def prepare(self) -> bool:
        """Prepare the next send; return whether there is work: something to send, or an answer to come.

        Raises the errors of `find_place`.
        """

    async def send(self) -> None:
        """Send what is prepared; return when the next step may be taken.

        For lines and segments that is when the target has acknowledged them; of blocks some may still wait.
        Raises as the target does.
        """

    async def finish(self) -> None:
        """Wait for the answers that are of use at the end."""

    def missing_after_place(self) -> MissingText:
        """Return the amount of text that is gone where the target needs the next lines."""

    def close(self) -> None:
        """Cancel all sends in flight, and close all files but the place."""


class SendLoop:
    """Sends the lines of the store to the target, from `start` to the end of `stop`.

    sender: takes the single steps. random: returns a number from 0 to 1.
    """

    def __init__(self, sender: SendSteps, progress: Progress, random: Callable[[], float]) -> None:
        self.sender = sender
        self.progress = progress
        self._clock = progress.clock
        self._report = progress.report
        self._pauses = RetryPauses(random)
        self._up: bool | None = None
        # The time since which the target has only asked to be tried again; None if it took something since.
        self._busy_since: float | None = None
        self._state = "NEW"
        self._running = self._saving = self._stopped = succeed(None)

    def start(self) -> Deferred[None]:
        """Start; the Deferred fires when nothing more is sent, and fails after an error of the loop."""
        self._running = Deferred.fromCoroutine(self._run())
        return self._running

    def stop(self) -> Deferred[None]:
        """End; fires within a few seconds, when the place is saved and the target is closed."""
        before = self._state
        if before != "STOPPING":
            self._advance("stop")
            self._stopped = Deferred.fromCoroutine(self._stop(is_sending=before == "SENDING"))
        return self._stopped

    @property
    def _is_stopping(self) -> bool:
        return self._state == "STOPPING"

    def _advance(self, event: str) -> None:
        self._state = NEXT[self._state][event]

    async def _run(self) -> None:
        self._advance("start")
        await self._lock_place()
        self._saving = Deferred.fromCoroutine(self._save_periodically())
        self._advance("locked")
        while not self._is_stopping:
            try:
                await self._limit(ANSWER, self.sender.find_place)
                self._advance("found")
                await self._send_until_quiet()
                self._advance("quiet")
            except ForeignStoreError as error:
                self._advance("foreign")
                self._report(ShipperStopped(str(error)))
                return
            except Exception as error:
                self._advance("failed")
                if not self._is_stopping:
                    await self._sleep(self._report_failure(error))
                    self._advance("again")

    async def _lock_place(self) -> None:
        """Wait until no other process ships under this name, and lock the place.

        If it cannot be locked for another reason, such as a damaged folder, lines are sent all the same.
        """
        kept, tries = self.progress.kept, 0
        try:
            while not self._is_stopping and not kept.lock():
                tries += 1
                if tries == TRIES:
                    why = f"another process ships as {kept.name} from this store: end it"
                    self.progress.report_trouble(why)
                await self._sleep(TRY)
        except OSError as error:
            why = f"the place of {kept.name} cannot be locked: {reason(error)}"
            self.progress.report_trouble(why)

    async def _send_until_quiet(self) -> None:
        """Send what there is, until nothing was sent for a minute: the target may have lost text."""
        asked = self._clock.seconds()
        while not self._is_stopping:
            if self.sender.prepare():
                self._advance("prepared")
                await self._limit(self.sender.patience, self.sender.send)
                self._advance("sent")
                if self._is_stopping:
                    return
                asked = self._clock.seconds()
            # Even if nothing waits to be sent: the target has acknowledged all, or has not failed yet.
            self._record_success()
            if self._clock.seconds() - asked >= QUIET:
                return
            # Between two sends the reactor gets a turn. If few lines arrive, a send waits until there are
            # several, because each send costs a sync of the disk on both sides.
            await self._sleep(0 if self.sender.more_to_send else LOOK)

    async def _stop(self, *, is_sending: bool) -> None:
        """Wait a few seconds for the answers in flight; then save the place, and close all."""
        end = self._clock.seconds() + LAST
        if is_sending:
            self._running.addTimeout(LAST, self._clock)
        else:
            self._running.cancel()
        with suppress(Exception):
            await self._running
            await self._limit(end - self._clock.seconds(), self.sender.finish)
        self._saving.cancel()
        self.progress.save()
        self.sender.close()
        with suppress(Exception):
            await self._limit(LAST, self.sender.target.close)
        self.progress.kept.close()

    def _limit(self, seconds: float, step: Callable[[], Awaitable[None]]) -> Deferred[None]:
        """Take a step; cancel it if it takes longer, and then fail with Unavailable."""
        return call_target(step).addTimeout(
            max(seconds, 0), self._clock, onTimeoutCancel=_raise_no_answer
        )

    async def _sleep(self, seconds: float) -> None:
        """Wait; `stop` ends it."""
        with suppress(CancelledError):
            await deferLater(self._clock, seconds)

    async def _save_periodically(self) -> None:
        pause = SAVE
        with suppress(CancelledError):
            while True:
                await deferLater(self._clock, pause)
                pause = SAVE if self.progress.save() else SAVE_AGAIN

    def _report_failure(self, error: Exception) -> float:
        """Report a failure; return how many seconds to wait."""
        if isinstance(error, Unavailable):
            pause = self._pauses.next_pause(after=error.after, settled=error.settled)
            found = "settled" if error.settled else "unavailable"
        elif isinstance(error, TooMuchAtOnce | RefusedForGood):
            # No pause: the text is sent again in smaller pieces, down to one line.
            pause, found = 0.0, "too-large" if isinstance(error, TooMuchAtOnce) else "refused"
        else:
            pause, found = self._pauses.next_pause(), _reason_for_counters(error)
        why = str(error) if isinstance(error, LogsrvError) else reason(error)
        if found == "store":
            known = isinstance(error, StoreError)
            self.progress.report_trouble(why if known else f"the store cannot be read: {why}")
        is_down = found in ("unavailable", "settled", "error") and not self._is_busy(error)
        if is_down and self._up is not False:
            self._up = False
            self._report(TargetDown(why))
            if isinstance(error, Unavailable):
                # Save the place, so that later removals count as gaps from there on, even after a kill.
                self.progress.save()
        self._report(AttemptFailed(why, found, pause))
        return pause

    def _is_busy(self, error: Exception) -> bool:
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
            self._report(TargetUp(self.sender.target.promise))


def _raise_no_answer(_: object, seconds: float) -> NoReturn:
    raise Unavailable(f"no answer within {seconds:g} s")


def _reason_for_counters(error: Exception) -> str:
    """Return the word that counters use for a failure."""
    if isinstance(error, MisplacedBlock):
        return "misplaced"
    if isinstance(error, OSError | StoreError):
        return "store"
    log.failure("an error of a shipper")
    return "error"


SHORTEST, LONGEST = 0.1, 30.0
"""Seconds: the shortest and the longest pause. The pause doubles after each failure."""
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
