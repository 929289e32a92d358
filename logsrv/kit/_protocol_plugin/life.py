"""The life of a plugin's state: made, started, changed, warned of the stop, closed.

The author's class or function is called with the service, in the process that serves and as its user. It
returns one of two:

- an async context manager, which is entered at the start and left at the end; the object that it yields is
  `service.state`;
- any other object, which is `service.state`; its methods `start()` and `close()`, if any, are called.

The methods `apply(settings)` and `stopping()` of `service.state`, if any, are called too. Each method may
be plain or async. A state whose start fails is not closed: as in `async with`, it has to clean up itself.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit._protocol_plugin.arguments import check_state_maker
from logsrv.kit.protocols._awaiting import call_without_connection, start_coroutine


class StateLife:
    """The life of the state of one service."""

    def __init__(
        self, make: Callable[[Any], Any], check: Callable[[Any], None] = lambda state: None
    ) -> None:
        """make: the author's class or function. check: raises ConfigurationError for a wrong state."""
        self._make, self._check = make, check
        self._lives = False
        # For a context manager: `_living` fires when it was left, `_entered` when it was entered. Firing
        # `_leaving` leaves it.
        self._living: Deferred[None] | None = None
        self._entered: Deferred[Any]
        self._leaving: Deferred[None]

    def make_state(self, service: Any) -> Callable[[], Any] | None:
        """Make the state. Return the function to call once the reactor runs; None if there is no start.

        Raises any error of the author's code, and ConfigurationError for an object that cannot be a state.
        """
        check_state_maker(service.name, self._make)
        made = self._make(service)
        if isinstance(made, AbstractAsyncContextManager):
            return lambda: self._begin(self._enter_manager(made, service), service)
        self._check(made)
        service.state = made
        start = getattr(made, "start", None)
        if not callable(start):
            self._lives = True
            return None
        return lambda: self._begin(self._start_state(start), service)

    def _begin(self, start: Coroutine[Any, Any, None], service: Any) -> Deferred[None]:
        return call_without_connection(service.clock, lambda: start_coroutine(start))

    def call_stopping(self, state: Any) -> Any:
        """Call the state's `stopping`, if it was started; peers are still connected."""
        return call_if_defined(state, "stopping") if self._lives else None

    def close_state(self, state: Any) -> Any:
        """Close the state, once, if it was started."""
        lives, self._lives = self._lives, False
        if not lives:
            return None
        if self._living is not None:
            self._leaving.callback(None)
            return self._living
        return call_if_defined(state, "close")

    async def _enter_manager(self, manager: AbstractAsyncContextManager[Any], service: Any) -> None:
        self._entered = Deferred(self._cancel_manager)
        self._leaving = Deferred()
        self._living = start_coroutine(self._run_manager(manager))
        state = await self._entered
        try:
            self._check(state)
        except ConfigurationError:
            self._leaving.callback(None)
            await self._living
            raise
        service.state = state
        self._lives = True

    async def _run_manager(self, manager: AbstractAsyncContextManager[Any]) -> None:
        """Enter and leave the context manager in one coroutine.

        asyncio's time-outs, and all else that belongs to one task, must be left where they were entered.
        """
        try:
            async with manager as state:
                self._entered.callback(state)
                await self._leaving
        except BaseException:
            if self._entered.called:
                raise
            self._entered.errback(Failure())

    def _cancel_manager(self, _: object) -> None:
        if self._living is not None:
            self._living.cancel()

    async def _start_state(self, start: Callable[[], Any]) -> None:
        result = start()
        if result is not None:
            await result
        self._lives = True


def call_if_defined(state: Any, name: str, *arguments: object) -> Any:
    """Call a method of the author's state, if it has a callable of that name."""
    method = getattr(state, name, None)
    return method(*arguments) if callable(method) else None
