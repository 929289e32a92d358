"""Steps of a start, a reload and a stop: an author's or ours, plain or async, each within its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import LogsrvError
from logsrv.kit.protocols.awaiting import attempt

log = Logger()


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


async def within(
    seconds: float, step: Callable[[], Any], doing: str, *, name: str, clock: IReactorTime
) -> None:
    """Await a step of a stop; if it fails or takes too long, say so and go on.

    doing: what it does, for the log. name: that of the service.
    """
    try:
        await limited(step, seconds, clock)
    except DeferredTimeout:
        log.error(
            "{name}: {doing} has taken {seconds:g} s and is given up",
            name=name,
            doing=doing,
            seconds=seconds,
        )
    except LogsrvError as error:
        log.error("{name}: {error}", name=name, error=str(error))
    except (Exception, SystemExit):
        log.failure("{name}: {doing} failed", Failure(), name=name, doing=doing)
