"""The reactor that runs the tests: waiting in it, and its log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, eventAsText, formatEvent, globalLogPublisher
from zope.interface import implementer

from logsrv.kit.testing.patience import PATIENCE

REACTOR: Any = reactor


async def until(look: Callable[[], object], what: str = "that", deadline: float = PATIENCE) -> None:
    """Let the reactor run until `look()` is true. `what` it waits for is said if that is in vain."""
    end = REACTOR.seconds() + deadline
    while not look():
        if REACTOR.seconds() > end:
            raise AssertionError(f"waited {deadline:g} s in vain for {what}")
        await deferLater(REACTOR, 0.002)


@contextmanager
def logged(*, tracebacks: bool = False) -> Iterator[list[str]]:
    """The messages logged meanwhile."""
    messages: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        messages.append(eventAsText(event) if tracebacks else formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield messages
    finally:
        globalLogPublisher.removeObserver(observe)
