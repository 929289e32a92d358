"""A reactor without sockets, whose time passes only when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

# If more timers than this fire at one moment, one of them starts itself again and again: a test fails then.
MOST_AT_ONCE = 100_000
NEEDS_SERVE = "code that waits for threads or sockets needs `serve` or a TwistdProcess"


class MemoryClock(MemoryReactorClock):
    """A clock that goes from timer to timer, so that each fires at its own time.

    between: called after each step, to do what a real reactor would do then.
    """

    def __init__(self, between: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.between = between
        # `callWhenRunning` calls at once.
        self.running = True

    def advance(self, amount: float) -> None:
        """Let `amount` seconds pass. Raises AssertionError when timers of 0 seconds never end."""
        end = self.seconds() + amount
        self.between()
        fired = 0
        while (call := self._next_timer()) is not None and call.getTime() <= end:
            fired = 0 if call.getTime() > self.seconds() else fired + 1
            if fired > MOST_AT_ONCE:
                raise AssertionError("a timer of 0 seconds starts itself again and again")
            self._fire_timer(call)
            self.between()
        self.rightNow = end
        self.between()

    def _fire_timer(self, call: Any) -> None:
        """Call one timer. The base class calls all that are due, which may never end."""
        self.rightNow = max(self.rightNow, call.getTime())
        self.calls.remove(call)
        call.called = 1
        call.func(*call.args, **call.kw)

    def _next_timer(self) -> Any:
        return min(self.calls, key=lambda call: call.getTime(), default=None)

    def _sortCalls(self) -> None:
        """Do nothing: the base class sorts at each `callLater`, which takes seconds with many timers."""

    def until(self, done: Deferred[Any], seconds: float, what: str) -> Any:
        """Let time pass until `done` has fired; return its result, or raise its failure.

        what: a phrase for `done`. Raises AssertionError when it has not fired after `seconds`.
        """
        results: list[Any] = []
        done.addBoth(results.append)
        end = self.seconds() + seconds
        self.between()
        while not results:
            call = self._next_timer()
            if call is None or call.getTime() > end:
                raise AssertionError(
                    f"{what} has not ended within {seconds:g} s of the service's clock; {NEEDS_SERVE}"
                )
            self.advance(max(0.0, call.getTime() - self.seconds()))
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def callWhenRunning(self, callable: Callable[..., object], *args: Any, **kw: Any) -> None:  # type: ignore[override]
        callable(*args, **kw)

    def callFromThread(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        self.callLater(0, function, *args, **kwargs)
