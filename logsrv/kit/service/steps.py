"""Steps of a start, a reload and a stop: when they begin, and how long they may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logsrv.kit.protocols.awaiting import attempt


def when_running(reactor: Any, begin: Callable[..., object], *args: Any) -> None:
    """Call `begin(*args)` when the reactor runs; at once if it does."""
    if reactor.running:
        begin(*args)
    else:
        # A turn later: the asyncio reactor says that it runs before asyncio's loop does.
        reactor.callWhenRunning(reactor.callLater, 0, begin, *args)


def limited(step: Callable[[], Any], seconds: float, clock: IReactorTime) -> Deferred[Any]:
    """The result of a step, which may be a coroutine.

    Fails with Twisted's TimeoutError after so many seconds, also if the step takes no notice of being
    cancelled.
    """
    waiting: Deferred[Any] = Deferred()
    done = attempt(step)
    done.addBoth(lambda result: None if waiting.called else waiting.callback(result))
    waiting.addTimeout(seconds, clock)

    def give_up(failure: Failure) -> Failure:
        done.cancel()
        return failure

    return waiting.addErrback(give_up)
