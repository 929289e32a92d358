"""Lines for a target that keeps no place: each line at least once.

The place moves to the end of the acknowledged lines. After a kill, the lines that were sent since the place
was last saved are sent again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from twisted.internet.defer import Deferred

from logsrv.errors import LogsrvError
from logsrv.linelog.ship.batches import LineBatches
from logsrv.linelog.ship.progress import Progress, size_with_lfs
from logsrv.linelog.ship.ship_place import counted_to
from logsrv.linelog.ship.store_positions import missing_after
from logsrv.linelog.ship.targets.target import (
    ANSWER,
    LEAST,
    LineBatch,
    LineTarget,
    PartlyRefused,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
    call_target,
)
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import Position
from logsrv.reactor import Timer

GROW = 64
"""The batches that must be taken, after one was too large, before larger ones are tried again."""


class _BatchInFlight(NamedTuple):
    """A batch in flight. answer: fires with the answer. since: the time at which the batch was sent."""

    answer: Deferred[None]
    since: float


class LineSender:
    """The lines of a store for a target. query: selects the lines; None for all lines."""

    patience = ANSWER
    # Set when the position to begin at is found.
    _batches: LineBatches

    def __init__(self, target: LineTarget, progress: Progress, query: str | None) -> None:
        self.target = target
        self._progress = progress
        self._query = query
        # The batches to send, in order; the first `len(_in_flight)` of them are in flight.
        self._waiting: deque[LineBatch] = deque()
        self._in_flight: deque[_BatchInFlight] = deque()
        self._ahead = Timer(progress.clock)
        self._hang_ups = HangUpSearch(self._waiting)
        self._taken_since = 0

    @property
    def more_to_send(self) -> bool:
        """True if more lines may be ready to send."""
        return bool(self._waiting) or self._batches.may_have_more

    async def find_place(self) -> None:
        """Find the position to begin at, at the first call only: the target keeps none."""
        progress, target = self._progress, self.target
        if not progress.is_known:
            progress.find_start()
            self._batches = LineBatches(
                progress.view,
                progress.position,
                self._query,
                progress.count_gap,
                most_lines=target.most_lines,
                most_bytes=target.most_bytes,
            )

    def prepare(self) -> bool:
        """Read batches if none waits; return True if there are lines to send."""
        self._progress.require_store()
        if not self._waiting:
            self._waiting += self._batches.read_batches()
        # A batch without lines: the query selects nothing up to its end.
        while self._waiting and not self._waiting[0].lines:
            end = self._waiting.popleft().end
            if not self._hang_ups.has_skipped:
                self._progress.skip_to(end)
        return bool(self._waiting)

    async def send(self) -> None:
        """Send the first waiting batch, unless it is in flight; wait for its answer."""
        if not self._in_flight:
            self._send_batch(self._fit_waiting_batch(0))
        if self.target.ahead:
            self._ahead.start(0, self._send_ahead)
        await self._wait_for_answer()

    async def finish(self) -> None:
        """Wait for the answers to all lines in flight: without them, these lines are sent again."""
        self._ahead.stop()
        while self._in_flight:
            await self._wait_for_answer()

    async def _wait_for_answer(self) -> None:
        """Wait for the answer to the first batch."""
        batch, flight = self._waiting[0], self._in_flight[0]
        try:
            await flight.answer
        except PartlyRefused as error:
            # The answer acknowledges the other lines.
            lines = [batch.lines[number] for number in error.which if number < len(batch.lines)]
            self._progress.keep_refused(lines, max(error.number, len(lines)), str(error))
        except Exception as error:
            self._in_flight.popleft()
            self._cancel_sends()
            self._handle_failure(error, batch, flight.since)
            raise
        self._waiting.popleft()
        self._in_flight.popleft()
        end = self._hang_ups.record_taken(self._progress.position, batch.end)
        self._record_acknowledged(end, batch.lines, flight.since)
        self._grow_batches()

    def _send_batch(self, batch: LineBatch) -> None:
        answer = call_target(self.target.send, batch)
        self._in_flight.append(_BatchInFlight(answer, self._progress.clock.seconds()))

    def _send_ahead(self) -> None:
        """Send the next batches while others are in flight, as many as the target allows (`ahead`)."""
        while 0 < len(self._in_flight) <= self.target.ahead and not self._hang_ups.is_searching:
            if len(self._waiting) == len(self._in_flight) and self._batches.may_have_more:
                self._queue_batches_early()
            if len(self._waiting) == len(self._in_flight):
                return
            batch = self._fit_waiting_batch(len(self._in_flight))
            if not batch.lines:
                return
            self._send_batch(batch)

    def _queue_batches_early(self) -> None:
        # When these lines are due, the same error comes again, and is reported.
        with suppress(OSError, LogsrvError):
            self._waiting += self._batches.read_batches()

    def _join_empty_batches(self) -> None:
        """Let the last batch with lines end where the batches without lines after it end."""
        end = self._waiting[-1].end
        while len(self._waiting) > 1 and not self._waiting[-1].lines:
            self._waiting.pop()
        self._waiting[-1] = LineBatch(self._waiting[-1].lines, end)

    def _cancel_sends(self) -> None:
        """Cancel the sends in flight. Their batches keep waiting, to be sent again."""
        self._ahead.stop()
        while self._in_flight:
            self._in_flight.popleft().answer.addErrback(lambda _: None).cancel()

    def _record_acknowledged(self, end: Position, lines: Sequence[bytes], since: float) -> None:
        self._progress.move_to_acknowledged(end, size_with_lfs(lines), len(lines), since)

    def _grow_batches(self) -> None:
        batches, most = self._batches, self.target.most_bytes
        if batches.most_bytes < most:
            self._taken_since += 1
            if self._taken_since >= GROW:
                self._taken_since = 0
                batches.most_bytes = min(batches.most_bytes * 2, most)

    def _handle_failure(self, error: Exception, batch: LineBatch, since: float) -> None:
        """Make batches smaller if that may help; keep a single refused line in a file."""
        lines, position = batch.lines, self._progress.position
        late = self._progress.clock.seconds() - since >= ANSWER
        if isinstance(error, TooMuchAtOnce | RefusedForGood) and len(lines) == 1:
            self._waiting.popleft()
            self._progress.keep_refused(lines, 1, str(error))
            self._progress.skip_to(self._hang_ups.record_refused(position, batch.end))
        elif isinstance(error, RefusedForGood):
            self._halve_waiting_batch(0)
        elif isinstance(error, TooMuchAtOnce) or (late and size_with_lfs(lines) > LEAST):
            self._taken_since = 0
            self._batches.most_bytes = max(size_with_lfs(lines) // 2, 1)
        elif isinstance(error, Unavailable) and error.hung_up:
            self._handle_hang_up(error, batch)

    def _fit_waiting_batch(self, number: int) -> LineBatch:
        """Return waiting batch `number`, counted from 0, divided if it is over the present limit."""
        most = self._batches.most_bytes
        if most < self.target.most_bytes:
            while (
                len(self._waiting[number].lines) > 1
                and size_with_lfs(self._waiting[number].lines) > most
            ):
                self._halve_waiting_batch(number)
        return self._waiting[number]

    def _halve_waiting_batch(self, number: int) -> None:
        lines, end = self._waiting[number]
        # Only the positions before and after the whole batch are known, so the first half gets the one
        # before.
        before = self._waiting[number - 1].end if number else self._progress.position
        half = len(lines) // 2
        self._waiting[number] = LineBatch(lines[half:], end)
        self._waiting.insert(number, LineBatch(lines[:half], before))

    def _handle_hang_up(self, error: Unavailable, batch: LineBatch) -> None:
        position = self._progress.position
        if error.taken:
            # The place does not move yet: it moves when the rest of the batch is acknowledged.
            self._waiting[0] = LineBatch(batch.lines[error.taken :], batch.end)
            self._hang_ups.record_taken(position, position)
            now = self._progress.clock.seconds()
            self._record_acknowledged(position, batch.lines[: error.taken], now)
            return
        if not any(one.lines for one in islice(self._waiting, 1, None)):
            self._queue_batches_early()
            self._join_empty_batches()
        refused = self._hang_ups.record_hang_up(position)
        if refused is not None:
            self._progress.keep_refused(
                refused.lines, 1, f"{error}, each time that this line is sent"
            )
            self._progress.skip_to(refused.end)

    def missing_after_place(self) -> MissingText:
        progress, batches = self._progress, self._batches
        position = max(batches.store_needed_from, counted_to(progress.kept.gaps))
        return batches.unreported_missing.plus(missing_after(progress.view, position))

    def close(self) -> None:
        self._cancel_sends()
        if self._progress.is_known:
            self._batches.close()


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
        self._tries = 0
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
