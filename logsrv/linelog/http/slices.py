"""Work in slices: what live viewers ask for never holds the reactor, nor takes most of it.

All of it together is done for a few milliseconds at a time, then the reactor is free for three times as
long. Each piece of work has its turn, one step after the other.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Cooperator

# Seconds; a step that takes longer is not interrupted.
SLICE = 0.004
FREE = 3


class Slices(Cooperator):
    """A Cooperator that shares the reactor with what is more important.

    now: a clock for short times, in seconds.
    """

    def __init__(self, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._spent = 0.0

        def begin() -> Callable[[], bool]:
            began = now()

            def over() -> bool:
                self._spent = now() - began
                return self._spent > SLICE

            return over

        def schedule(tick: Callable[[], None]) -> IDelayedCall:
            spent, self._spent = self._spent, 0.0
            return clock.callLater(FREE * spent, tick)

        super().__init__(terminationPredicateFactory=begin, scheduler=schedule)
