"""A timer: it calls a function later, and can be restarted or stopped at any time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Timer:
    """A timer for one call; a second start replaces the first."""

    __slots__ = ("_call", "_clock")

    def __init__(self, clock: Any) -> None:
        """`clock`: a reactor, or any object that has its `callLater`."""
        self._clock = clock
        self._call: Any = None

    @property
    def running(self) -> bool:
        """Return true if a call is still to come."""
        return self._call is not None and bool(self._call.active())

    def start(self, seconds: float, function: Callable[..., object], *arguments: object) -> None:
        """Call `function(*arguments)` after `seconds`; cancel an earlier call that is still to come."""
        self.stop()
        self._call = self._clock.callLater(seconds, function, *arguments)

    def stop(self) -> None:
        """Cancel the call, if it is still to come."""
        if self.running:
            self._call.cancel()
        self._call = None
