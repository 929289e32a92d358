"""A shipper of lines: to a target that keeps no place, each line at least once.

The kept place moves behind what was acknowledged. What was sent since it was saved is sent again after a
kill.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logsrv.errors import StoreError
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.cutting.batches import LineBatches
from logsrv.linelog.ship.report import ShipReport
from logsrv.linelog.ship.shipping.begin import begin_place
from logsrv.linelog.ship.shipping.kept import ShipPlace
from logsrv.linelog.ship.shipping.loop import ANSWER, ShipLoop
from logsrv.linelog.ship.shipping.refused import RefusedLines
from logsrv.linelog.ship.target import (
    LineTarget,
    PartlyRefused,
    RefusedForGood,
    SentLines,
    TooMuchAtOnce,
)
from logsrv.linelog.store.disk.disk import reason
from logsrv.linelog.store.segments.segment import Position

GROW = 64
"""Batches that are taken after some were too large, until larger ones are tried again."""


@attrs.define(eq=False, kw_only=True)
class LineShipper:
    """A shipper of a store to a target of lines, from `start` to the end of `stop`.

    query: which lines; None for all. store: the identity of the store. ship_from: `beginning`, `end` or a
    position, without a kept place. random: returns numbers from 0 up to 1. report: gets what happens.
    """

    _view: View
    _target: LineTarget
    _query: str | None
    _kept: ShipPlace
    _store: str
    _ship_from: str
    _clock: IReactorTime
    _random: Callable[[], float]
    _report: Callable[[ShipReport], object]
    patience: float = attrs.field(init=False, default=ANSWER)
    asks: bool = attrs.field(init=False, default=False)
    position: Position | None = attrs.field(init=False, default=None)
    _batches: LineBatches | None = attrs.field(init=False, default=None)
    # The lines that are sent next, in front of the batches that are not cut yet.
    _waiting: deque[SentLines] = attrs.field(init=False, factory=deque)
    _taken_since: int = attrs.field(init=False, default=0)
    _refused: RefusedLines = attrs.Factory(
        lambda self: RefusedLines(self._kept.folder, self._kept.name), takes_self=True
    )
    _loop: ShipLoop = attrs.Factory(
        lambda self: ShipLoop(
            steps=self,
            kept=self._kept,
            store=self._store,
            clock=self._clock,
            random=self._random,
            report=self._report,
        ),
        takes_self=True,
    )

    def start(self) -> None:
        """Begin to ship."""
        self._loop.start()

    def stop(self) -> Deferred[None]:
        """End; fires when the place is saved and the target let go of, after some seconds at the latest."""
        return self._loop.stop()

    @property
    def promise(self) -> str:
        """A sentence that says what the target promises."""
        return self._target.promise

    @property
    def more(self) -> bool:
        """True if there may be more to send at once."""
        return bool(self._waiting) or (self._batches is not None and self._batches.more)

    def ask(self) -> Deferred[None]:
        """Find out where to begin, the first time."""
        if self._batches is None:
            self.position = begin_place(
                self._view, self._kept, self._store, self._ship_from, self._tell
            ).position
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
        if self._view.removed:
            raise StoreError("the store was removed")
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
        self.position = batch.end
        self._report(
            ShipReport(
                "acknowledged",
                position=batch.end,
                bytes=_size(batch.lines),
                lines=len(batch.lines),
                seconds=self._clock.seconds() - since,
            )
        )
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
                self._batches.most_bytes = max(_size(lines) // 2, 1)
        return failure

    def _refuse(self, lines: Sequence[bytes], number: int, why: str) -> None:
        """Keep lines that the target will never take, and count all that there are."""
        try:
            self._refused.add(lines)
        except OSError as error:
            self._tell(f"{self._refused.path} cannot be written: {reason(error)}")
        if lines:
            why = f"{why}; they are in {self._refused.path}"
        self._report(ShipReport("refused", why, bytes=_size(lines), lines=number))

    def _gap(self, size: int | None) -> None:
        self._report(ShipReport("gap", bytes=size))

    def _tell(self, why: str) -> None:
        self._report(ShipReport("trouble", why))

    def before_saving(self) -> None:
        """Let refused lines be on the medium."""
        self._refused.sync()

    def close(self) -> Deferred[None]:
        """Let go of the store and of the target."""
        if self._batches is not None:
            self._batches.close()
        self._refused.close()
        return self._target.close()


def _size(lines: Sequence[bytes]) -> int:
    """Return the bytes of lines with their LFs."""
    return sum(map(len, lines)) + len(lines)
