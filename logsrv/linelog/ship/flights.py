"""Blocks in flight to a target, several at once; their answers are handled in the order of the blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logsrv.linelog.ship.cut import CutBlock


@attrs.define(eq=False)
class _BlockInFlight:
    """A block, the time at which it was sent, and its answer."""

    cut: CutBlock
    since: float
    call: Deferred[None] = attrs.field(factory=Deferred)
    answered: bool = False
    failure: Failure | None = None


@attrs.define(eq=False)
class BlocksInFlight:
    """The blocks in flight, in their order.

    send: sends a block. taken: called for each block that the target has taken, with the time at which it
    was sent. failed: whether the target has not taken a block, so that it takes none of the later ones.
    """

    _send: Callable[[CutBlock], Deferred[None]]
    _taken: Callable[[CutBlock, float], None]
    _clock: IReactorTime
    failed: bool = attrs.field(init=False, default=False)
    _all: deque[_BlockInFlight] = attrs.field(init=False, factory=deque)
    _waiting: Deferred[None] | None = attrs.field(init=False, default=None)

    def __len__(self) -> int:
        return len(self._all)

    def send(self, cut: CutBlock) -> None:
        """Send a block, after those in flight."""
        flight = _BlockInFlight(cut, self._clock.seconds())
        self._all.append(flight)
        flight.call = maybeDeferred(self._send, cut).addBoth(self._handle_answer, flight)

    def wait_until_taken(self) -> Deferred[None]:
        """Return a Deferred that fires when the target has taken another block.

        If a block was not taken, the Deferred fails with the reason when all blocks in flight have an
        answer. Cancelling it drops the blocks.
        """
        waiting = self._waiting = Deferred(lambda _: self.cancel_all())
        self._fail_if_all_answered()
        return waiting

    def cancel_all(self) -> None:
        """Cancel all sends in flight; the target may or may not have these blocks."""
        self._waiting, self.failed = None, False
        dropped, self._all = self._all, deque()
        for flight in dropped:
            flight.call.cancel()

    def _handle_answer(self, result: Failure | None, flight: _BlockInFlight) -> None:
        if flight not in self._all:
            return
        flight.answered = True
        if isinstance(result, Failure):
            flight.failure, self.failed = result, True
        before = len(self._all)
        while self._all and self._all[0].answered and self._all[0].failure is None:
            first = self._all.popleft()
            self._taken(first.cut, first.since)
        waiting = self._waiting
        if waiting is not None and not self.failed and len(self._all) < before:
            self._waiting = None
            waiting.callback(None)
        self._fail_if_all_answered()

    def _fail_if_all_answered(self) -> None:
        """If a block was not taken, and all have an answer, drop all, and fail for the first of these."""
        waiting = self._waiting
        if waiting is None or not self.failed or not all(flight.answered for flight in self._all):
            return
        failure = next(flight.failure for flight in self._all if flight.failure is not None)
        self.cancel_all()
        waiting.errback(failure)
