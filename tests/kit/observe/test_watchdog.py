"""A blocked reactor is told of once for each time, with the place in the code that blocks it."""

import json
import re
import sched
import threading
from pathlib import Path
from traceback import FrameSummary
from typing import Any

import pytest
from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

import logsrv.kit
import twisted
from logsrv.kit import Watchdog
from logsrv.kit.observe.watchdog import stack_text
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
        if event.get("log_namespace") == "logsrv.kit.observe.watchdog":
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


TWISTED = str(Path(twisted.__file__).parent)
KIT = str(Path(logsrv.kit.__file__).parent)


@pytest.mark.parametrize(
    ("files", "first"),
    [
        (["/usr/bin/twistd", f"{TWISTED}/a.py", f"{KIT}/b.py", "/srv/shout.py", "/srv/c.py"], 3),
        (["/usr/bin/twistd", f"{TWISTED}/a.py", json.__file__, "/e/site-packages/shout.py"], 3),
        (["/usr/bin/twistd", f"{TWISTED}/a.py", "/srv/shout.py", sched.__file__], 2),
        (["/usr/bin/twistd", f"{TWISTED}/a.py", f"{KIT}/b.py", json.__file__], 0),
        (["/usr/bin/python", "/srv/shout.py"], 0),
    ],
)
def test_the_authors_frames_come_first(files, first):
    """The rest is not lost, only further down; a script that starts it is nobody's mistake."""
    frames = [FrameSummary(file, 1, "f", line="pass") for file in files]
    shown = re.findall('File "(.*)", line', stack_text(frames))
    assert shown == [*files[first:], *files[:first]]
    assert ("called by:" in stack_text(frames)) == bool(first)
