"""A timer: a call that is made later, begun anew or called off at any time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Timer:
    """A call to be made later; there is never more than one."""

    __slots__ = ("_call", "_clock")

    def __init__(self, clock: Any) -> None:
        """`clock`: a reactor, or whatever else has its `callLater`."""
        self._clock = clock
        self._call: Any = None

    @property
    def running(self) -> bool:
        """Return true if there is a call that was not made yet."""
        return self._call is not None and bool(self._call.active())

    def start(self, seconds: float, function: Callable[..., object], *arguments: object) -> None:
        """Call `function(*arguments)` in so many seconds, and not what was to be called before."""
        self.stop()
        self._call = self._clock.callLater(seconds, function, *arguments)

    def stop(self) -> None:
        """Call it off, if it was not made yet."""
        if self.running:
            self._call.cancel()
        self._call = None
