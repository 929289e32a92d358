"""A shipper of lines: to a target that keeps no place, each line at least once.

The kept place moves behind what was acknowledged. What was sent since it was saved is sent again after a
kill.
"""

from __future__ import annotations

from collections import deque

import attrs
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.python.failure import Failure

from logsrv.linelog.ship.cutting.batches import LineBatches
from logsrv.linelog.ship.report import ShipReport
from logsrv.linelog.ship.shipping.shipper import Shipper, size_of
from logsrv.linelog.ship.target import (
    LineTarget,
    PartlyRefused,
    RefusedForGood,
    SentLines,
    TooMuchAtOnce,
)

GROW = 64
"""Batches that are taken after some were too large, until larger ones are tried again."""


@attrs.define(eq=False, kw_only=True)
class LineShipper(Shipper[LineTarget]):
    """A shipper of lines. query: which lines; None for all."""

    _query: str | None
    asks: bool = attrs.field(init=False, default=False)
    _batches: LineBatches | None = attrs.field(init=False, default=None)
    # The lines that are sent next, in front of the batches that are not cut yet.
    _waiting: deque[SentLines] = attrs.field(init=False, factory=deque)
    _taken_since: int = attrs.field(init=False, default=0)

    @property
    def more(self) -> bool:
        """True if there may be more to send at once."""
        return bool(self._waiting) or (self._batches is not None and self._batches.more)

    def ask(self) -> Deferred[None]:
        """Find out where to begin, the first time."""
        if self._batches is None:
            self._begin()
            assert self.position is not None
            self._batches = LineBatches(
                self._view,
                self.position,
                self._query,
                self._gap,
                most_lines=self._target.most_lines,
                most_bytes=self._target.most_bytes,
            )
        return succeed(None)

    def read(self) -> bool:
        """Prepare the next lines."""
        self._require_store()
        if not self._waiting:
            assert self._batches is not None
            batch = self._batches.next()
            if batch is not None and batch.lines:
                self._waiting.append(batch)
            elif batch is not None:
                self.position = batch.end
        return bool(self._waiting)

    def send(self) -> Deferred[None]:
        """Send the first of what waits."""
        batch = self._waiting[0]
        since = self._clock.seconds()
        sent = maybeDeferred(self._target.send, batch)
        return sent.addErrback(self._left_out, batch).addCallbacks(
            lambda _: self._taken(batch, since), lambda failure: self._smaller(failure, batch)
        )

    def _left_out(self, failure: Failure, batch: SentLines) -> None:
        """Take an answer that leaves lines out as one."""
        failure.trap(PartlyRefused)
        error = failure.value
        assert isinstance(error, PartlyRefused)
        lines = [batch.lines[number] for number in error.which if number < len(batch.lines)]
        self._refuse(lines, max(error.number, len(lines)), str(error))

    def _taken(self, batch: SentLines, since: float) -> None:
        self._waiting.popleft()
        self._acknowledge(batch.end, size_of(batch.lines), len(batch.lines), since)
        self._grow()

    def _grow(self) -> None:
        batches, most = self._batches, self._target.most_bytes
        assert batches is not None
        if batches.most_bytes < most:
            self._taken_since += 1
            if self._taken_since >= GROW:
                self._taken_since = 0
                batches.most_bytes = min(batches.most_bytes * 2, most)

    def _smaller(self, failure: Failure, batch: SentLines) -> Failure:
        """Send the halves of what was refused; a line that is, alone, is kept and passed over."""
        if not failure.check(TooMuchAtOnce, RefusedForGood):
            return failure
        assert self._batches is not None and self.position is not None
        lines = batch.lines
        self._waiting.popleft()
        if len(lines) == 1:
            self._refuse(lines, 1, str(failure.value))
            self.position = batch.end
        else:
            half = len(lines) // 2
            # Behind the first half is a place, too; but it is known only of the last line.
            halves = SentLines(lines[:half], self.position), SentLines(lines[half:], batch.end)
            self._waiting.extendleft(reversed(halves))
            if failure.check(TooMuchAtOnce):
                self._taken_since = 0
                self._batches.most_bytes = max(size_of(lines) // 2, 1)
        return failure

    def _gap(self, size: int | None) -> None:
        self._report(ShipReport("gap", bytes=size))

    def close(self) -> Deferred[None]:
        """Let go of the store and of the target."""
        if self._batches is not None:
            self._batches.close()
        return super().close()
