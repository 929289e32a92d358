"""Waits for the results of an author's code: coroutines, Deferreds and asyncio futures.

Under the asyncio reactor an author's coroutine is an asyncio task, in which Deferreds can be awaited as
well: `asyncio.timeout` and some libraries need a current task. With other reactors Twisted runs it.
"""

from __future__ import annotations

import asyncio
import types
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextvars import ContextVar, copy_context
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.python.failure import Failure

from logsrv.kit.protocols.faults import wrong_value_text

Result = TypeVar("Result")

# Raised in a cancelled coroutine: the first while it awaits a Deferred, the second in asyncio's futures.
CANCELLED = (CancelledError, asyncio.CancelledError)


class ReusableDeferred(Deferred[None]):
    """A Deferred for waits that come often: a coroutine that the kit runs waits for it without callbacks.

    After `fire` it can be awaited again, unless it was `called`: then something else has awaited it.
    """

    waiter: RunningCoroutine[Any] | None = None

    def __await__(self) -> Iterator[Any]:  # type: ignore[override]
        # A generator would be one more step each time. It is not needed for errors: RunningCoroutine throws
        # a Failure into the coroutine. The wait may be over: a throttle delivers when reading resumes.
        return iter(() if self.called else (self,))

    def fire(self) -> None:
        waiter = self.waiter
        if waiter is None:
            self.callback(None)
        else:
            self.waiter = None
            waiter.run_to_next_wait()

    def cancel(self) -> None:
        waiter, self.waiter = self.waiter, None
        if waiter is None:
            super().cancel()
        else:
            waiter.run_to_next_wait(Failure(CancelledError()))


class RunningCoroutine(Deferred[Result]):
    """A coroutine that the kit runs, as a Deferred of its result. To cancel it cancels what it awaits.

    clock: the service's, if no connection is known. opened: the connections that it has opened, which are
    closed when it has ended. cancels: how often it was cancelled. coroutine: None if asyncio runs it.
    """

    def __init__(self, clock: Any = None) -> None:
        super().__init__()
        self.clock = clock
        self.opened: list[Any] = []
        self.cancels = 0
        self._awaits: Deferred[Any] | asyncio.Task[Any] | None = None
        self._run: Any = None
        self.coroutine: Any = None

    def start(self, coroutine: Coroutine[Any, Any, Result]) -> None:
        """Run the coroutine up to its first wait, or under asyncio make a task of it."""
        context = copy_context()
        context.run(working.set, self)
        loop = _get_running_loop()
        if loop is None:
            self.coroutine = coroutine
            self._run = context.run
            self.run_to_next_wait()
        else:
            # A Deferred of the task would fire at a second cancel, while the task still cleans up.
            self._awaits = task = loop.create_task(_run_in_task(coroutine, loop), context=context)
            Deferred.fromFuture(task).addBoth(self._close_and_fire)

    def run_to_next_wait(self, value: object = None) -> None:
        """Run the coroutine up to its next wait. value: the result of the last one, or a Failure."""
        self._awaits = None
        coroutine = self.coroutine
        while True:
            try:
                if value is None:
                    # Most waits end so. The last case would do, too.
                    value = self._run(coroutine.send, None)
                elif isinstance(value, Failure):
                    value = self._run(value.throwExceptionIntoGenerator, coroutine)
                else:
                    value = self._run(coroutine.send, value)
            except StopIteration as end:
                result = end.value
                break
            except BaseException:
                result = Failure()
                break
            if type(value) is ReusableDeferred:
                self._awaits = value
                value.waiter = self
                return
            if isinstance(value, Deferred):
                self._awaits = value
                value.addBoth(self.run_to_next_wait)
                return
        self._close_and_fire(result)

    def cancel(self) -> None:
        if self.called:
            super().cancel()
        elif self._awaits is not None:
            self.cancels += 1
            self._awaits.cancel()

    def _close_and_fire(self, result: Any) -> None:
        # These three refer to a context that refers to this object. The garbage collector may leave such a
        # cycle in memory for hours.
        self._run = self.coroutine = self._awaits = None
        for connection in self.opened:
            try:
                connection.close()
            except Exception:
                # An author's attribute, such as the encoding, may be wrong: then `close` raises.
                result = Failure()
        if isinstance(result, Failure):
            self.errback(result)
        else:
            self.callback(result)


# Inside a coroutine that the kit runs, and in all that it calls: its RunningCoroutine.
working: ContextVar[RunningCoroutine[Any] | None] = ContextVar("working", default=None)


# The connection that an author's code works for: on the stack, and in the coroutines started there.
handled: ContextVar[Any] = ContextVar("handled", default=None)


def call_without_connection(clock: object, step: Callable[[], Result]) -> Result:
    """Call `step` as work for no connection, even if the caller works for one. clock: the service's."""
    context = copy_context()
    context.run(handled.set, None)
    context.run(working.set, RunningCoroutine(clock))
    return context.run(step)


def as_deferred(result: object, doing: str, also: str = "None") -> Deferred[Any]:
    """Return the result of the author's code as a Deferred.

    also: the other allowed results, for the sentence of the TypeError. Raises TypeError for a result that
    cannot be awaited.
    """
    if iscoroutine(result):
        return start_coroutine(result)
    if isinstance(result, Deferred):
        return result
    if isawaitable(result):
        return start_coroutine(_await_result(result))
    raise TypeError(
        f"{doing} gave {wrong_value_text(result)}; it has to be {also} or something to await"
    )


def start_coroutine(coroutine: Coroutine[Any, Any, Result]) -> Deferred[Result]:
    """Start an author's coroutine; return a Deferred of its result, which cancels it when cancelled."""
    before = working.get()
    work = RunningCoroutine[Result](before.clock if before is not None else None)
    work.start(coroutine)
    return work


def call_as_deferred(step: Callable[[], Any]) -> Deferred[Any]:
    """Call an author's function, plain or async. Return a Deferred, which fails if the function raises."""

    def call() -> Any:
        result = step()
        return as_deferred(result, "it") if isawaitable(result) else result

    return maybeDeferred(call)


async def _await_result(result: Awaitable[Result]) -> Result:
    return await result


async def _run_in_task(
    coroutine: Coroutine[Any, Any, Result], loop: AbstractEventLoop
) -> Result | Failure:
    try:
        return await _run_with_futures(coroutine, loop)
    except (SystemExit, KeyboardInterrupt):
        # A task that raises them would end asyncio's loop, and so the service.
        return Failure()


@types.coroutine
def _run_with_futures(
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
                yield from _wait_until_fired(wanted, loop)
                value = None
            else:
                value = yield wanted
        except BaseException as error:
            step = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, value)


def _wait_until_fired(
    deferred: Deferred[Any], loop: AbstractEventLoop
) -> Generator[Any, Any, None]:
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
