"""Ends of work that takes too long: `async with deadline(5):` of an author, and steps of a service."""

from __future__ import annotations

import asyncio
import math
import sys
from asyncio import _get_running_loop
from collections.abc import Callable
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.protocols._awaiting import (
    CANCELLED,
    RunningCoroutine,
    call_as_deferred,
    call_without_connection,
    handled,
    working,
)
from logsrv.kit.protocols.faults import wrong_value_text
from logsrv.reactor import chosen_reactor

if TYPE_CHECKING:
    from twisted.internet.base import DelayedCall

AWAITING = CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR


class DeadlineExceeded(PeerError, TimeoutError):
    """The time of a `deadline` has passed. seconds, name: as given to it.

    Unhandled in the code of a connection, it tells the peer so and closes the connection.
    """

    def __init__(self, seconds: float, name: str) -> None:
        super().__init__(
            f"the deadline{f' of {name}' * bool(name)} has passed, after {seconds:g} s"
        )
        self.seconds = seconds
        self.name = name


class deadline:
    """A block that is ended after `seconds`: what it awaits is cancelled, and DeadlineExceeded raised.

    It works in coroutines that the kit runs: `handle`, methods of protocols, tasks, the state's `start`.
    Deadlines may be nested; each raises its own error, and of equal ones the outer. The block may clean up
    in `finally`. name: for the error's sentence. Raises TypeError or ValueError for an impossible time,
    RuntimeError in a coroutine that somebody else runs.
    """

    def __init__(self, seconds: float, name: str = "") -> None:
        if not isinstance(seconds, int | float):
            raise TypeError(f"deadline takes a number of seconds, not {wrong_value_text(seconds)}")
        if not seconds >= 0 or math.isinf(seconds):
            raise ValueError(f"deadline takes a number of seconds, not {seconds!r:.80}")
        self._seconds = seconds
        self._name = name
        self._passed = False
        self._timer: DelayedCall

    async def __aenter__(self) -> deadline:
        work = working.get()
        task = None if _get_running_loop() is None else asyncio.current_task()
        runs = task.get_coro() if task else work and work.coroutine
        if work is None or _outermost_coroutine(sys._getframe()) is not getattr(
            runs, "cr_frame", None
        ):
            raise RuntimeError(
                "deadline needs a coroutine that the kit runs, such as handle or one given to spawn; "
                "Twisted itself runs coroutines of ensureDeferred and fromCoroutine"
            )
        self._task = task
        self._work = work
        self._cancels = task.cancelling() if task else work.cancels
        self._timer = _clock_of_work(work).callLater(
            self._seconds, self._time_out, task.cancel if task else work.cancel
        )
        return self

    def _time_out(self, cancel: Callable[[], Any]) -> None:
        self._passed = True
        cancel()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._passed:
            self._timer.cancel()
            return
        if self._task is not None:
            cancels = self._task.uncancel()
        else:
            self._work.cancels -= 1
            cancels = self._work.cancels
        if cancels > self._cancels:
            # It was cancelled by somebody else as well, such as a deadline around this one.
            return
        if isinstance(error, CANCELLED):
            raise DeadlineExceeded(self._seconds, self._name) from None


def _outermost_coroutine(frame: FrameType) -> FrameType:
    """Return the frame of the coroutine that is run by somebody, and awaits the others up to `frame`."""
    while frame.f_back is not None and frame.f_back.f_code.co_flags & AWAITING:
        frame = frame.f_back
    return frame


def _clock_of_work(work: RunningCoroutine[Any]) -> Any:
    """Return the clock of the connection, or of the service, for which the present code works."""
    connection = handled.get()
    if connection is not None:
        return connection.author.factory.service.clock
    if work.clock is not None:
        return work.clock
    return chosen_reactor()


def with_time_limit(step: Callable[[], Any], seconds: float, clock: IReactorTime) -> Deferred[Any]:
    """Call a step, plain or async; return a Deferred of its result.

    It fails with Twisted's TimeoutError after `seconds`, and cancels the step, even if that ignores it.
    """
    waiting: Deferred[Any] = Deferred()
    done = call_without_connection(clock, lambda: call_as_deferred(step))
    done.addBoth(lambda result: None if waiting.called else waiting.callback(result))
    waiting.addTimeout(seconds, clock)

    def give_up(failure: Failure) -> Failure:
        done.cancel()
        return failure

    return waiting.addErrback(give_up)
