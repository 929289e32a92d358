"""A shipper of lines, to a target that keeps no place: each line at least once.

The place moves to the end of the acknowledged lines. After a kill, the lines that were sent since the place
was last saved are sent again.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import reduce
from itertools import islice
from typing import NamedTuple

import attrs
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.python.failure import Failure

from logsrv.errors import LogsrvError
from logsrv.linelog.ship.batches import LineBatches
from logsrv.linelog.ship.loop import ANSWER, LEAST
from logsrv.linelog.ship.shipper import Shipper, size_with_lfs
from logsrv.linelog.ship.target import (
    LineBatch,
    LineTarget,
    PartlyRefused,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.segment_notes import MissingText
from logsrv.timer import Timer

GROW = 64
"""The batches that must be taken, after one was too large, before larger ones are tried again."""


class _BatchInFlight(NamedTuple):
    """A batch in flight. sent: fires with the answer. since: the time at which the batch was sent."""

    sent: Deferred[None]
    since: float


@attrs.define(eq=False, kw_only=True)
class LineShipper(Shipper[LineTarget]):
    """A shipper of lines. query: selects the lines; None for all lines."""

    _query: str | None
    # Set with `position`, when the place is found.
    _batches: LineBatches = attrs.field(init=False)
    # The batches to send, in order; the first `len(_under_way)` of them are in flight.
    _waiting: deque[LineBatch] = attrs.field(init=False, factory=deque)
    _under_way: deque[_BatchInFlight] = attrs.field(init=False, factory=deque)
    _ahead: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)
    _hang_ups: HangUpSearch = attrs.Factory(
        lambda self: HangUpSearch(self._waiting), takes_self=True
    )
    # Gaps after `position`: the position after each gap, and the missing text.
    _gaps: deque[tuple[Position, MissingText]] = attrs.field(init=False, factory=deque)
    _ending: bool = attrs.field(init=False, default=False)
    _taken_since: int = attrs.field(init=False, default=0)

    def stop(self) -> Deferred[None]:
        """End when all lines in flight have an answer, or after some seconds."""
        self._ending = True
        return super().stop()

    @property
    def more_to_send(self) -> bool:
        """True if more lines may be ready to send."""
        return bool(self._waiting) or self._batches.may_have_more

    def find_place(self) -> Deferred[None]:
        """Find the place to begin, at the first call only: the target keeps none."""
        if self.position is None:
            self._load_or_choose_place()
            assert self.position is not None
            self._batches = LineBatches(
                self._view,
                self.position,
                self._query,
                self._note_gap,
                most_lines=self._target.most_lines,
                most_bytes=self._target.most_bytes,
            )
        return succeed(None)

    def prepare_send(self) -> bool:
        self._require_store()
        if not self._waiting:
            self._waiting += self._batches.read_batches()
        # A batch without lines: the query selects nothing up to its end.
        while self._waiting and not self._waiting[0].lines:
            end = self._waiting.popleft().end
            if not self._hang_ups.has_skipped:
                self._move_place(end)
        return bool(self._waiting)

    def send_prepared(self) -> Deferred[None]:
        """Send the first waiting batch, unless it is in flight; fires when it has an answer."""
        if not self._under_way:
            self._send_batch(self._fit_waiting_batch(0))
        if self._target.ahead and not self._ending:
            self._ahead.start(0, self._send_ahead)
        batch, (sent, since) = self._waiting[0], self._under_way[0]
        return sent.addErrback(self._keep_partly_refused, batch).addCallbacks(
            lambda _: self._record_taken_batch(batch, since),
            lambda failure: self._handle_send_failure(failure, batch),
        )

    def _send_batch(self, batch: LineBatch) -> None:
        sent = maybeDeferred(self._target.send, batch)
        self._under_way.append(_BatchInFlight(sent, self._clock.seconds()))

    def _send_ahead(self) -> None:
        """Send the next batches while others are in flight, as many as the target allows (`ahead`)."""
        while 0 < len(self._under_way) <= self._target.ahead and not self._hang_ups.is_searching:
            if len(self._waiting) == len(self._under_way):
                if not self._batches.may_have_more:
                    return
                self._queue_batches_early()
            if len(self._waiting) == len(self._under_way):
                return
            batch = self._fit_waiting_batch(len(self._under_way))
            if not batch.lines:
                return
            self._send_batch(batch)

    def _queue_batches_early(self) -> None:
        # When these lines are due, the same error comes again, and is reported.
        with suppress(OSError, LogsrvError):
            self._waiting += self._batches.read_batches()

    def _cancel_sends(self) -> None:
        """Cancel the sends in flight. Their batches keep waiting, to be sent again."""
        self._ahead.stop()
        under_way, self._under_way = self._under_way, deque()
        for sent, _ in under_way:
            sent.addErrback(lambda _: None).cancel()

    def _keep_partly_refused(self, failure: Failure, batch: LineBatch) -> None:
        """Keep the lines that an answer refuses; the answer acknowledges the other lines of the batch."""
        failure.trap(PartlyRefused)
        error = failure.value
        assert isinstance(error, PartlyRefused)
        lines = [batch.lines[number] for number in error.which if number < len(batch.lines)]
        self._keep_refused(lines, max(error.number, len(lines)), str(error))

    def _record_taken_batch(self, batch: LineBatch, since: float) -> Deferred[None] | None:
        self._waiting.popleft()
        self._under_way.popleft()
        assert self.position is not None
        end = self._hang_ups.record_taken(self.position, batch.end)
        self._move_to_acknowledged(end, size_with_lfs(batch.lines), len(batch.lines), since)
        self._move_place(end)
        self._grow_batches()
        return self.send_prepared() if self._ending and self._under_way else None

    def _grow_batches(self) -> None:
        batches, most = self._batches, self._target.most_bytes
        if batches.most_bytes < most:
            self._taken_since += 1
            if self._taken_since >= GROW:
                self._taken_since = 0
                batches.most_bytes = min(batches.most_bytes * 2, most)

    def _handle_send_failure(self, failure: Failure, batch: LineBatch) -> Failure:
        """Handle a failure: make batches smaller if that may help; keep a single refused line in a file."""
        since = self._under_way.popleft().since
        self._cancel_sends()
        assert self.position is not None
        lines = batch.lines
        late = self._clock.seconds() - since >= ANSWER
        if failure.check(TooMuchAtOnce, RefusedForGood) and len(lines) == 1:
            self._waiting.popleft()
            self._keep_refused(lines, 1, str(failure.value))
            self._move_place(self._hang_ups.record_refused(self.position, batch.end))
        elif failure.check(RefusedForGood):
            self._halve_waiting_batch(0)
        elif failure.check(TooMuchAtOnce) or (late and size_with_lfs(lines) > LEAST):
            self._taken_since = 0
            self._batches.most_bytes = max(size_with_lfs(lines) // 2, 1)
        elif isinstance(failure.value, Unavailable) and failure.value.hung_up:
            self._handle_hang_up(failure.value, batch)
        return failure

    def _fit_waiting_batch(self, number: int) -> LineBatch:
        """Return waiting batch `number`, counted from 0, divided if it is over the present limit."""
        most = self._batches.most_bytes
        if most < self._target.most_bytes:
            while (
                len(self._waiting[number].lines) > 1
                and size_with_lfs(self._waiting[number].lines) > most
            ):
                self._halve_waiting_batch(number)
        return self._waiting[number]

    def _halve_waiting_batch(self, number: int) -> None:
        lines, end = self._waiting[number]
        # Only the places before and after the whole batch are known, so the first half gets the one before.
        before = self._waiting[number - 1].end if number else self.position
        assert before is not None
        half = len(lines) // 2
        self._waiting[number] = LineBatch(lines[half:], end)
        self._waiting.insert(number, LineBatch(lines[:half], before))

    def _handle_hang_up(self, error: Unavailable, batch: LineBatch) -> None:
        assert self.position is not None
        if error.taken:
            taken = batch.lines[: error.taken]
            # The place does not move yet: it moves when the rest of the batch is acknowledged.
            self._waiting[0] = LineBatch(batch.lines[error.taken :], batch.end)
            self._hang_ups.record_taken(self.position, self.position)
            self._move_to_acknowledged(
                self.position, size_with_lfs(taken), len(taken), self._clock.seconds()
            )
            return
        if len(self._waiting) == 1:
            self._queue_batches_early()
        refused = self._hang_ups.record_hang_up(self.position)
        if refused is not None:
            self._keep_refused(refused.lines, 1, f"{error}, each time that this line is sent")
            self._move_place(refused.end)

    @property
    def store_needed_from(self) -> Position | None:
        return None if self.position is None else self._batches.store_needed_from

    def missing_after_place(self) -> MissingText:
        met = [missing for _, missing in self._gaps]
        if self.position is not None:
            met.append(self._batches.unreported_missing)
        return reduce(MissingText.plus, met, super().missing_after_place())

    def _note_gap(self, missing: MissingText, after: Position) -> None:
        # Counted when the place has passed it: after a kill before that, the next process finds it again.
        self._gaps.append((after, missing))

    def _move_place(self, position: Position) -> None:
        """Move the place, and count the gaps before it."""
        self.position = position
        while self._gaps and self._gaps[0][0] <= position:
            self._count_gap(self._gaps.popleft()[1])

    def close(self) -> Deferred[None]:
        self._cancel_sends()
        if self.position is not None:
            self._batches.close()
        return super().close()


TRIES = 3
"""The hang-ups at the same lines after which they are sent in smaller parts."""
PARTS = 16
"""The number of parts into which the lines of a batch are divided."""
MOST = 16
"""The most skipped lines; if the target hangs up at more, it is faulty itself."""


class HangUpSearch:
    """The search for a line at which a target always ends the connection ("hangs up") without refusing it.

    After TRIES hang-ups at the same lines, the lines are sent in smaller and smaller parts, down to a
    single line. After TRIES hang-ups at that line, it is skipped, and the next lines are tried one by one:
    each at which the target hangs up is skipped, too. When a line is acknowledged, the skipped ones are
    sent once more, and those at which the target hangs up again count as refused. If the target hangs up
    at more than MOST lines, or no other line waits, the target is faulty itself: the order of the lines is
    restored, and none is refused.

    waiting: the lines to send next, which this class divides and reorders.
    """

    def __init__(self, waiting: deque[LineBatch]) -> None:
        self._waiting = waiting
        self._tries = 0
        # _passed: the skipped lines. _last_tries: how many of the first waiting lines were skipped, and are
        # sent once more.
        self._passed: list[LineBatch] = []
        self._last_tries = 0

    @property
    def has_skipped(self) -> bool:
        """True while there are skipped lines: the place is before them."""
        return bool(self._passed)

    @property
    def is_searching(self) -> bool:
        """True during the search for a line, when nothing else may be in flight."""
        return bool(self._tries or self._passed or self._last_tries)

    def record_taken(self, place: Position, end: Position) -> Position:
        """Record an acknowledgement; return the new place: `end`, or `place` if lines were skipped."""
        self._tries = 0
        if self._last_tries:
            self._last_tries -= 1
        if not self._passed:
            return end
        passed, self._passed = self._passed, []
        self._last_tries = len(passed)
        # The place moves to `end` with the last of the skipped lines: then all lines up to there are done.
        again = [LineBatch(one.lines, place) for one in passed[:-1]]
        self._waiting.extendleft(reversed([*again, LineBatch(passed[-1].lines, end)]))
        return place

    def record_refused(self, place: Position, end: Position) -> Position:
        """Record that a line was refused; return the new place: `end`, or `place` if lines were skipped."""
        if self._last_tries:
            self._last_tries -= 1
        return place if self._passed else end

    def record_hang_up(self, place: Position) -> LineBatch | None:
        """Record a hang-up at the first waiting lines; return these lines if they count as refused now.

        place: the place up to which the target has everything.
        """
        self._tries += 1
        lines, end = self._waiting[0]
        if self._last_tries:
            self._last_tries -= 1
            return self._waiting.popleft()
        if self._tries < TRIES and not self._passed:
            return None
        if len(lines) > 1:
            part = 1 if self._passed else max(len(lines) // PARTS, 1)
            self._waiting[0] = LineBatch(lines[part:], end)
            self._waiting.appendleft(LineBatch(lines[:part], place))
            self._tries = TRIES - 1 if part > 1 else 0
        elif len(self._passed) < MOST and any(one.lines for one in islice(self._waiting, 1, None)):
            self._passed.append(self._waiting.popleft())
        else:
            self._waiting.extendleft(reversed(self._passed))
            self._passed = []
            self._tries = 0
        return None
