"""Blocks that are under way to a target: several at once, of which the answers count in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logsrv.linelog.ship.cutting.cut import CutBlock


@attrs.define(eq=False)
class _Flight:
    """A block, when it was sent, and its answer."""

    cut: CutBlock
    since: float
    call: Deferred[None] = attrs.field(factory=Deferred)
    answered: bool = False
    failure: Failure | None = None


@attrs.define(eq=False)
class Flights:
    """The blocks under way, the first one first.

    send: sends a block. taken: gets each that the target has, and when it was sent. failed: one was not
    taken, so that none behind it is.
    """

    _send: Callable[[CutBlock], Deferred[None]]
    _taken: Callable[[CutBlock, float], None]
    _clock: IReactorTime
    failed: bool = attrs.field(init=False, default=False)
    _all: deque[_Flight] = attrs.field(init=False, factory=deque)
    _waiting: Deferred[None] | None = attrs.field(init=False, default=None)

    def __len__(self) -> int:
        return len(self._all)

    def send(self, cut: CutBlock) -> None:
        """Send a block behind the others."""
        flight = _Flight(cut, self._clock.seconds())
        self._all.append(flight)
        flight.call = maybeDeferred(self._send, cut).addBoth(self._answered, flight)

    def wait(self) -> Deferred[None]:
        """Return what fires when another one is taken.

        Once one was not taken it fails with the reason, when all that are under way are answered.
        """
        if self._is_over():
            return fail(self._end())
        self._waiting = Deferred(lambda _: self.drop())
        return self._waiting

    def drop(self) -> None:
        """Let go of all: whether they are there is to be asked."""
        self._waiting, self.failed = None, False
        dropped, self._all = self._all, deque()
        for flight in dropped:
            flight.call.cancel()

    def _answered(self, result: Failure | None, flight: _Flight) -> None:
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
        if waiting is not None and self._is_over():
            waiting.errback(self._end())
        elif waiting is not None and not self.failed and len(self._all) < before:
            self._waiting = None
            waiting.callback(None)

    def _is_over(self) -> bool:
        return self.failed and all(flight.answered for flight in self._all)

    def _end(self) -> Failure:
        """Let go of all, and return why the first was not taken."""
        failure = next(flight.failure for flight in self._all if flight.failure is not None)
        self.drop()
        return failure
