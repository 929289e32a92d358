"""Awaiting what an author's code gives: coroutines and Deferreds, and asyncio's where its loop runs.

Under the asyncio reactor an author's coroutine is a task of asyncio's, in which Deferreds can be awaited
as well: libraries look for their task, and `asyncio.timeout` has to. Elsewhere Twisted runs it.
"""

from __future__ import annotations

import asyncio
import types
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred

from logsrv.kit.protocols.faults import mistaken

Result = TypeVar("Result")

# A cancelled coroutine ends by one of these, according to what it awaited.
CANCELLED = (CancelledError, asyncio.CancelledError)


def awaited(result: object, doing: str, also: str = "None") -> Deferred[Any]:
    """Return what the author gave to be waited for. Raises TypeError, which says `also` and that."""
    if iscoroutine(result):
        return started(result)
    if isinstance(result, Deferred):
        return result
    if isawaitable(result):
        return started(_waiting(result))
    raise TypeError(f"{doing} gave {mistaken(result)}; it has to be {also} or something to await")


def started(coroutine: Coroutine[Any, Any, Result]) -> Deferred[Result]:
    """Begin an author's coroutine, and return its end; cancelling that cancels it."""
    loop = _get_running_loop()
    if loop is None:
        return Deferred.fromCoroutine(coroutine)
    return Deferred.fromFuture(loop.create_task(_in_task(coroutine, loop)))


def attempt(step: Callable[[], Any]) -> Deferred[Any]:
    """Call an author's function, plain or async; what it raises is the failure of the result."""

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
    """Go through a coroutine, and turn each Deferred that it awaits into a future of asyncio's."""
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
    """Wait until it has fired; the coroutine that awaits it takes the result out of it itself."""
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
