"""A slow browser slows the server down, and costs no memory."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logsrv.gopher.gateway.outflow import STALLED_AFTER, Outflow, Stalled


@implementer(IConsumer)
class Browser:
    """Takes `room` bytes and then says that it is full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = b""
        self.outflow: Outflow | None = None

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert streaming
        assert isinstance(producer, Outflow)
        verifyObject(IPushProducer, producer)
        self.outflow = producer

    def unregisterProducer(self) -> None:
        self.outflow = None

    def write(self, data: bytes) -> None:
        self.taken += data
        if len(self.taken) >= self.room:
            assert self.outflow is not None
            self.outflow.pauseProducing()


def test_waits() -> None:
    """Nothing more is sent until the browser has taken what it got."""
    browser, clock = Browser(5), Clock()
    outflow = Outflow(browser, clock)
    assert Deferred.fromCoroutine(outflow.send(b"four")).called
    sending = Deferred.fromCoroutine(outflow.send(b"more"))
    assert not sending.called
    browser.room = 100
    outflow.resumeProducing()
    assert sending.called
    assert not clock.getDelayedCalls()
    assert outflow.sent == 8


@pytest_twisted.inlineCallbacks
def test_gives_up():  # type: ignore[no-untyped-def]
    """A browser that takes nothing for a minute is given up."""
    browser, clock = Browser(1), Clock()
    sending = Deferred.fromCoroutine(Outflow(browser, clock).send(b"x"))
    clock.advance(STALLED_AFTER - 1)
    assert not sending.called
    clock.advance(1)
    with pytest.raises(Stalled):
        yield sending


def test_gone() -> None:
    """A browser that goes away while the sender waits leaves no timer behind."""
    browser, clock = Browser(1), Clock()
    outflow = Outflow(browser, clock)
    sending = Deferred.fromCoroutine(outflow.send(b"x")).addErrback(lambda _: None)
    outflow.stopProducing()
    sending.cancel()
    assert not clock.getDelayedCalls()
    outflow.close()
    assert browser.outflow is None
