"""Calls in the next turn of the reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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
            self._reactor.callLater(0, self._make_call)

    def _make_call(self) -> None:
        self._asked = False
        self._call()
