"""Bytes to a browser as fast as it takes them, and no faster: what it has not taken is not fetched."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from logsrv.errors import PeerError

# A browser that takes nothing for so long is not going to: seconds.
STALLED_AFTER = 60.0


class Stalled(PeerError):
    """The client does not read."""


class Consumer(Protocol):
    """The part of an HTTP request that is needed here."""

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None: ...

    def write(self, data: bytes) -> None: ...


@implementer(IPushProducer)
class Outflow:
    """Writes to `request` until its transport is full, and waits until it is not."""

    def __init__(self, request: Consumer, clock: IReactorTime) -> None:
        self._request = request
        self._clock = clock
        self._waiting: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._paused = False
        self.sent = 0
        request.registerProducer(self, True)

    async def send(self, data: bytes) -> None:
        """Returns when more may be sent. Raises Stalled."""
        self._request.write(data)
        self.sent += len(data)
        if self._paused:
            self._waiting = Deferred()
            self._timer = self._clock.callLater(STALLED_AFTER, self._stalled)
            try:
                await self._waiting
            finally:
                self._waiting = None
                if self._timer.active():
                    self._timer.cancel()

    def close(self) -> None:
        """Nothing more is sent."""
        self._request.unregisterProducer()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        if self._waiting is not None:
            self._waiting.callback(None)

    def stopProducing(self) -> None:
        # The request hears of its end as well, and cancels whoever waits here.
        self._paused = False

    def _stalled(self) -> None:
        assert self._waiting is not None
        self._waiting.errback(Stalled(f"the client took nothing for {STALLED_AFTER:g} s"))
