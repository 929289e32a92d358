"""Steps of a start, a reload and a stop: when they begin, and how long they may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logsrv.kit.protocols.awaiting import call_as_deferred
from logsrv.kit.protocols.crowd import call_without_connection


def call_when_running(reactor: Any, begin: Callable[..., object], *args: Any) -> None:
    """Call `begin(*args)` when the reactor runs; at once if it runs already."""
    if reactor.running:
        begin(*args)
    else:
        # A turn later: the asyncio reactor says that it runs before asyncio's loop does.
        reactor.callWhenRunning(reactor.callLater, 0, begin, *args)


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
