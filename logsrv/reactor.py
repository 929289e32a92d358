"""The reactor: its clock, calls when it runs, in its next turn or later, and other threads.

Results of other threads come as Deferreds. One of these threads has an asyncio loop, for libraries that
need one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from twisted.internet.base import ReactorBase
from twisted.internet.defer import CancelledError as DeferredCancelled
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorFromThreads

T = TypeVar("T")
AGAIN = 1.0
"""Seconds until a task that does not end is cancelled again."""


def chosen_reactor() -> Any:
    """Return the reactor that twistd has chosen, or Twisted's default if nobody has chosen one."""
    # Imported here: the import itself chooses one.
    from twisted.internet import reactor

    return reactor


def steady_reactor() -> Any:
    """Return the reactor; from now on its timers and `seconds` go by a clock that never jumps.

    By itself Twisted uses the time of day: when that is set back by an hour, each timer comes an hour late.
    """
    running = chosen_reactor()
    if "seconds" not in vars(running):
        # It begins at the time of day, by which timers may have been started already.
        ahead = running.seconds() - time.monotonic()
        running.seconds = lambda: ahead + time.monotonic()
    return running


def time_of_day(clock: Any) -> float:
    """Return the seconds since 1970: by the system's clock, or by a clock of tests its own."""
    seconds: float = time.time() if isinstance(clock, ReactorBase) else clock.seconds()
    return seconds


def call_when_running(reactor: Any, begin: Callable[..., object], *args: Any) -> None:
    """Call `begin(*args)` when the reactor runs; at once if it runs already."""
    if reactor.running:
        begin(*args)
    else:
        # A turn later: the asyncio reactor says that it runs before asyncio's loop does.
        reactor.callWhenRunning(reactor.callLater, 0, begin, *args)


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


def deferred_from_future(
    future: Future[T], reactor: IReactorFromThreads, cancel: Callable[[], None]
) -> Deferred[T]:
    """Return a Deferred that fires in the reactor with the result or the error of a future.

    cancel: called if the Deferred is cancelled.
    """
    fired: Deferred[T] = Deferred(lambda _: cancel())
    future.add_done_callback(
        lambda done: reactor.callFromThread(_fire_with_result, fired, done)  # type: ignore[arg-type]
    )
    return fired


def _fire_with_result(fired: Deferred[T], done: Future[T]) -> None:
    if fired.called:
        return
    try:
        result = done.result()
    except CancelledError:
        fired.errback(DeferredCancelled())
    except BaseException:
        # A library in Rust may panic with an exception that is no Exception.
        fired.errback()
    else:
        fired.callback(result)


class AsyncioThread:
    """An asyncio loop in a thread, which begins with the first call and ends with `stop`."""

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self._reactor = reactor
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: Deferred[None] = Deferred()

    def run_coroutine(self, make: Callable[[], Coroutine[Any, Any, T]]) -> Deferred[T]:
        """Run a coroutine there; fires with its result. Cancelling the Deferred cancels the coroutine."""
        future = asyncio.run_coroutine_threadsafe(make(), self._running_loop())
        return deferred_from_future(future, self._reactor, lambda: _cancel_future(future))

    async def call_in_reactor(self, call: Callable[[], Any]) -> Any:
        """Make a call in the reactor's thread, from the loop; return its result, or its Deferred's."""
        answer: Future[Any] = Future()
        # A cancelled caller must not keep the answer from being set.
        answer.set_running_or_notify_cancel()

        def make() -> None:
            maybeDeferred(call).addCallbacks(
                answer.set_result, lambda failure: answer.set_exception(failure.value)
            )

        self._reactor.callFromThread(make)  # type: ignore[arg-type]
        return await asyncio.wrap_future(answer)

    def stop(self) -> Deferred[None]:
        """Cancel all tasks of the loop, and end it; fires when it has ended."""
        loop, self._loop = self._loop, None
        if loop is None:
            return succeed(None)
        loop.call_soon_threadsafe(loop.stop)
        return self._ended

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop, self._ended = asyncio.new_event_loop(), Deferred()
            # A daemon thread does not keep the process alive; `stop` waits for an orderly end.
            threading.Thread(
                target=self._run_loop, args=(self._loop, self._ended), name=self._name, daemon=True
            ).start()
        return self._loop

    def _run_loop(self, loop: asyncio.AbstractEventLoop, ended: Deferred[None]) -> None:
        try:
            loop.run_forever()
            loop.run_until_complete(_cancel_all_tasks())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
            self._reactor.callFromThread(ended.callback, None)  # type: ignore[arg-type]


async def _cancel_all_tasks() -> None:
    """Cancel all tasks of the loop, until none is left."""
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        await cancel_until_ended(tasks)


async def cancel_until_ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks again and again until they have ended: a library may catch a cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN)


def _cancel_future(future: Future[Any]) -> None:
    future.cancel()
