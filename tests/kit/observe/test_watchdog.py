"""A blocked reactor is told of once for each time, with the place in the code that blocks it."""

from __future__ import annotations

import threading
from typing import Any

from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

from logsrv.kit import Watchdog


class Reactor:
    """Runs what other threads ask for when it gets to it."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.calls: list[Any] = []

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        self.calls.append(call)
        self.asked.release()

    def turn(self) -> None:
        assert self.asked.acquire(timeout=60)
        self.calls.pop(0)()


def blocking_call(until: threading.Event) -> None:
    assert until.wait(60)


@implementer(ILogObserver)
class Observer:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.warned, self.went_on = threading.Event(), threading.Event()

    def __call__(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "logsrv.kit.observe.watchdog":
            self.events.append(event)
            (self.went_on if "goes on" in event["log_format"] else self.warned).set()


def test_blocked_reactor() -> None:
    observe = Observer()
    reactor: Any = Reactor()
    dog = Watchdog(reactor, patience=0.05)
    globalLogPublisher.addObserver(observe)
    try:
        dog.start()
        reactor.turn()
        blocking_call(observe.warned)
        reactor.turn()
        assert observe.went_on.wait(60)
        reactor.turn()
    finally:
        dog.stop()
        globalLogPublisher.removeObserver(observe)
    assert len(observe.events) == 2
    assert "blocking_call" in observe.events[0]["stack"]


def test_stop_does_not_wait_for_a_blocked_reactor() -> None:
    """Stopping the service takes no longer because of it."""
    reactor: Any = Reactor()
    dog = Watchdog(reactor, patience=0.01)
    dog.start()
    assert reactor.asked.acquire(timeout=60)
    stopping = threading.Thread(target=dog.stop, daemon=True)
    stopping.start()
    stopping.join(60)
    assert not stopping.is_alive()
