"""Calls in the next turn of the reactor, even if the clock is set back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def call_in_next_turn(reactor: Any, call: Callable[[], object]) -> None:
    """Make a call in the reactor's next turn, even if the clock is set back meanwhile.

    Twisted uses the time of day: `callLater(0)` would wait until the clock reaches the old time again. Only
    a clock of tests gets `callLater`, because it has no `callFromThread`.
    """
    from_threads = getattr(reactor, "callFromThread", None)
    if from_threads is None:
        reactor.callLater(0, call)
    else:
        from_threads(call)


class NextTurnCall:
    """A call that is made once in the reactor's next turn, even if it is asked for several times."""

    __slots__ = ("_asked", "_call", "_reactor")

    def __init__(self, reactor: Any, call: Callable[[], object]) -> None:
        self._reactor = reactor
        self._call = call
        self._asked = False

    def schedule(self) -> None:
        """Ask for the call in the next turn."""
        if not self._asked:
            self._asked = True
            call_in_next_turn(self._reactor, self._make_call)

    def _make_call(self) -> None:
        self._asked = False
        self._call()
