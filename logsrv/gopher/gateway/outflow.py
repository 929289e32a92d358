"""Bytes to a browser as fast as it takes them, and no faster: what it has not taken is not fetched."""

from __future__ import annotations

from twisted.internet.interfaces import IConsumer, IReactorTime

from logsrv.errors import PeerError
from logsrv.kit.net.backpressure import Backpressure

# A browser that takes nothing for so long is not going to: seconds.
STALLED_AFTER = 60.0


class Stalled(PeerError):
    """The client does not read."""


class Outflow(Backpressure):
    """Writes to `request` until its transport is full, and waits until it is not."""

    def __init__(self, request: IConsumer, clock: IReactorTime) -> None:
        super().__init__()
        self._request = request
        self._clock = clock
        self.sent = 0
        request.registerProducer(self, True)

    async def send(self, data: bytes) -> None:
        """Returns when more may be sent. Raises Stalled."""
        self._request.write(data)
        self.sent += len(data)
        if self.full:
            # A request that ends cancels who waits here.
            await self.wait().addTimeout(STALLED_AFTER, self._clock, _stalled)

    def close(self) -> None:
        """Send nothing more."""
        self._request.unregisterProducer()


def _stalled(result: object, seconds: float) -> None:
    raise Stalled(f"the client took nothing for {seconds:g} s")
