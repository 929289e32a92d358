"""The next turn of the reactor, whatever is done to the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def next_turn(reactor: Any, call: Callable[[], object]) -> None:
    """Make a call in the reactor's next turn, also if the clock is set back meanwhile.

    Twisted goes by the time of day: `callLater(0)` would wait until that has come so far again. A clock of
    tests has nothing else.
    """
    from_threads = getattr(reactor, "callFromThread", None)
    if from_threads is None:
        reactor.callLater(0, call)
    else:
        from_threads(call)


class NextTurn:
    """A call in the reactor's next turn, however often it is asked for until then."""

    __slots__ = ("_asked", "_call", "_reactor")

    def __init__(self, reactor: Any, call: Callable[[], object]) -> None:
        self._reactor = reactor
        self._call = call
        self._asked = False

    def ask(self) -> None:
        """Have the call made in the next turn."""
        if not self._asked:
            self._asked = True
            next_turn(self._reactor, self._make)

    def _make(self) -> None:
        self._asked = False
        self._call()
