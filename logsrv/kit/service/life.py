"""The life of a plugin's state: made, started, changed, told of the end, closed.

The author gives a class or a function, which is called with the service, in the process that serves and
as its user. What that returns is one of two:

- an async context manager: what it yields is `service.state`; it is entered for the start, and left at
  the end;
- any other object, which is `service.state`, and may have `start()` and `close()` for the same.

`apply(settings)` and `stopping()` are those of `service.state`, if it has them. Each may be plain or
async. A start that fails is not closed: as `async with`, it has to clean up itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from logsrv.kit.protocols.awaiting import started
from logsrv.kit.service.arguments import check_state


class Life:
    """The life of the state of one service."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        """`make`: the author's class or function."""
        self._make = make
        self._lives = False
        # Those of a context manager: its whole life, when it was entered, and when it is to be left.
        self._living: Deferred[None] | None = None
        self._entered: Deferred[Any]
        self._leaving: Deferred[None]

    def make(self, service: Any) -> Callable[[], Any] | None:
        """Make the state; return a function that starts it once the reactor runs, or None if it is started.

        Raises any error of the author's code, and ConfigurationError for an object that can be no state.
        """
        check_state(service.name, self._make)
        made = self._make(service)
        if isinstance(made, AbstractAsyncContextManager):
            return lambda: self._enter(made, service)
        service.state = made
        start = getattr(made, "start", None)
        if not callable(start):
            self._lives = True
            return None
        return lambda: self._start(start)

    def stopping(self, state: Any) -> Any:
        """Tell it that the service stops; peers are still there."""
        return call(state, "stopping") if self._lives else None

    def close(self, state: Any) -> Any:
        """Close it, once, if it was started."""
        lives, self._lives = self._lives, False
        if not lives:
            return None
        if self._living is not None:
            self._leaving.callback(None)
            return self._living
        return call(state, "close")

    async def _enter(self, manager: AbstractAsyncContextManager[Any], service: Any) -> None:
        self._entered = Deferred(self._not_entered)
        self._leaving = Deferred()
        self._living = started(self._live(manager))
        service.state = await self._entered
        self._lives = True

    async def _live(self, manager: AbstractAsyncContextManager[Any]) -> None:
        """All of its life in one coroutine, as with `async with`.

        asyncio's time-outs, and whatever else belongs to one task, have to be left where they were entered.
        """
        try:
            async with manager as state:
                self._entered.callback(state)
                await self._leaving
        except BaseException:
            if self._entered.called:
                raise
            self._entered.errback(Failure())

    def _not_entered(self, _: object) -> None:
        if self._living is not None:
            self._living.cancel()

    async def _start(self, start: Callable[[], Any]) -> None:
        result = start()
        if result is not None:
            await result
        self._lives = True


def call(state: Any, name: str, *arguments: object) -> Any:
    """Call a method of the author's state, if it has a callable of that name."""
    method = getattr(state, name, None)
    return method(*arguments) if callable(method) else None
