"""Waits for the results of an author's code: coroutines, Deferreds and asyncio futures.

Under the asyncio reactor an author's coroutine is an asyncio task, in which Deferreds can be awaited as
well: `asyncio.timeout` and some libraries need a current task. With other reactors Twisted runs it.
"""

from __future__ import annotations

import asyncio
import types
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred

from logsrv.kit.protocols.faults import mistaken

Result = TypeVar("Result")

# Raised in a cancelled coroutine: the first while it awaits a Deferred, the second in asyncio's futures.
CANCELLED = (CancelledError, asyncio.CancelledError)


@attrs.define(eq=False)
class RunningCoroutine:
    """A coroutine that the kit runs. clock: the service's, if no connection is known.

    opened: the connections that it has opened, which are closed when it has ended.
    """

    clock: Any = None
    opened: list[Any] = attrs.field(factory=list)
    _running: Deferred[Any] | None = None

    def run(self, start: Callable[[], Deferred[Result]]) -> Deferred[Result]:
        """Start it as the present work."""
        before = working.set(self)
        try:
            self._running = running = start()
        finally:
            working.reset(before)
        return running.addBoth(self._end)

    def cancel(self) -> None:
        """Cancel what it awaits."""
        if self._running is not None:
            self._running.cancel()

    def _end(self, result: Result) -> Result:
        for connection in self.opened:
            connection.close()
        return result


# The coroutine that runs, in it and in what it calls.
working: ContextVar[RunningCoroutine | None] = ContextVar("working", default=None)


def clocked(clock: object) -> None:
    """Give coroutines that are started from here the clock of a service."""
    working.set(RunningCoroutine(clock))


def awaited(result: object, doing: str, also: str = "None") -> Deferred[Any]:
    """Return the result of the author's code as a Deferred.

    also: the other allowed results, for the sentence of the TypeError. Raises TypeError for a result that
    cannot be awaited.
    """
    if iscoroutine(result):
        return started(result)
    if isinstance(result, Deferred):
        return result
    if isawaitable(result):
        return started(_waiting(result))
    raise TypeError(f"{doing} gave {mistaken(result)}; it has to be {also} or something to await")


def started(coroutine: Coroutine[Any, Any, Result]) -> Deferred[Result]:
    """Start an author's coroutine; return a Deferred of its result, which cancels it when cancelled."""
    before = working.get()
    work = RunningCoroutine(before.clock if before is not None else None)
    loop = _get_running_loop()
    if loop is None:
        return work.run(lambda: Deferred.fromCoroutine(coroutine))
    return work.run(lambda: Deferred.fromFuture(loop.create_task(_in_task(coroutine, loop))))


def attempt(step: Callable[[], Any]) -> Deferred[Any]:
    """Call an author's function, plain or async. Return a Deferred, which fails if the function raises."""

    def call() -> Any:
        result = step()
        return awaited(result, "it") if isawaitable(result) else result

    return maybeDeferred(call)


async def _waiting(result: Awaitable[Result]) -> Result:
    return await result


async def _in_task(coroutine: Coroutine[Any, Any, Result], loop: AbstractEventLoop) -> Result:
    return await _translated(coroutine, loop)


@types.coroutine
def _translated(
    coroutine: Coroutine[Any, Any, Result], loop: AbstractEventLoop
) -> Generator[Any, Any, Result]:
    """Run a coroutine, and turn each Deferred that it awaits into an asyncio future."""
    step = partial(coroutine.send, None)
    while True:
        try:
            wanted = step()
        except StopIteration as end:
            result: Result = end.value
            return result
        try:
            if isinstance(wanted, Deferred):
                yield from _fired(wanted, loop)
                value = None
            else:
                value = yield wanted
        except BaseException as error:
            step = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, value)


def _fired(deferred: Deferred[Any], loop: AbstractEventLoop) -> Generator[Any, Any, None]:
    """Wait until the Deferred has fired; the coroutine that awaits it takes the result itself."""
    future = loop.create_future()

    def tell(result: object) -> object:
        if not future.done():
            future.set_result(None)
        return result

    deferred.addBoth(tell)
    try:
        yield from future
    except BaseException:
        deferred.addErrback(lambda _: None)
        deferred.cancel()
        raise
