"""A blocked reactor is told of once for each time, with the place in the code that blocks it."""

import threading
from typing import Any

from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

from logsrv.kit import Watchdog
from logsrv.kit.testing.patience import PATIENCE


class Reactor:
    """Runs what other threads ask for when it gets to it."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.calls: list[Any] = []

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        self.calls.append(call)
        self.asked.release()

    def turn(self) -> None:
        assert self.asked.acquire(timeout=PATIENCE)
        self.calls.pop(0)()


def blocking_call(dog: Watchdog, until: threading.Event) -> None:
    """Block from before the first question on: what comes between two calls may take its time, too."""
    dog.start()
    assert until.wait(PATIENCE)


@implementer(ILogObserver)
class Observer:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.warned, self.went_on = threading.Event(), threading.Event()

    def __call__(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "logsrv.kit.observe._watchdog":
            self.events.append(event)
            (self.went_on if "goes on" in event["log_format"] else self.warned).set()


def test_a_blocked_reactor_is_warned_about_with_its_stack():
    observe = Observer()
    reactor: Any = Reactor()
    dog = Watchdog(reactor, patience=0.05)
    globalLogPublisher.addObserver(observe)
    try:
        blocking_call(dog, observe.warned)
        reactor.turn()
        assert observe.went_on.wait(PATIENCE)
        reactor.turn()
    finally:
        dog.stop()
        globalLogPublisher.removeObserver(observe)
    stacks = [event.get("stack", "") for event in observe.events]
    assert "blocking_call" in stacks[0] and stacks[1] == ""
    # This process may have been held up while the reactor was to answer.
    assert not any("blocking_call" in stack for stack in stacks[1:])


def test_stop_does_not_wait_for_a_blocked_reactor():
    """Stopping the service takes no longer because of it."""
    reactor: Any = Reactor()
    dog = Watchdog(reactor, patience=0.01)
    dog.start()
    assert reactor.asked.acquire(timeout=PATIENCE)
    stopping = threading.Thread(target=dog.stop, daemon=True)
    stopping.start()
    stopping.join(PATIENCE)
    assert not stopping.is_alive()
