"""HTTP requests as the gateway takes them: in time, without a body, one after the other."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Protocol, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocolNegotiationFactory,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from zope.interface import implementer

from logsrv.kit.net.listen import Listener
from logsrv.kit.net.settings import ConnectionSettings
from logsrv.kit.net.source import source_of
from logsrv.kit.observe.peer_log import ConnectionLog, end_sentence

# From the end of one answer to the last header of the next request; seconds.
REQUEST_SECONDS = 60
ABORT_SECONDS = 15
# A small body is read and thrown away, so that its sender hears why.
MOST_BODY = 64 * 1024
_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Handler(Protocol):
    """A handler of requests."""

    def handle(self, request: GatewayRequest) -> None: ...


class GatewayRequest(Request):
    """A request of `browser`; `has_body` if one came with it, which is not kept."""

    def __init__(self, channel: Channel, handler: Handler) -> None:
        super().__init__(channel)
        self.browser = channel
        self._handler = handler
        self._body = 0
        self._too_large = False
        self.has_body = False

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        self.has_body = length != 0
        if length is not None and length > MOST_BODY:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self._body += len(data)
        if self._body > MOST_BODY:
            self._refuse()

    def _refuse(self) -> None:
        if not self._too_large:
            self._too_large = True
            self.browser.write(_TOO_LARGE)
            self.browser.loseConnection()

    def process(self) -> None:
        if not self._too_large:
            self._handler.handle(self)


class Channel(HTTPChannel):
    """A connection of a browser."""

    factory: GatewayFactory
    _ending: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self._source = source_of(self.transport)
        if self.factory.connection_log is not None:
            self.factory.connection_log.connected(self._source)

    def dataReceived(self, data: bytes) -> None:
        # HTTPChannel starts the time anew for each byte of the headers; here it goes on.
        LineReceiver.dataReceived(self, data)

    def timeoutConnection(self) -> None:
        self._ending = self.callLater(ABORT_SECONDS, self.abort)
        self.loseConnection()

    def abort(self) -> None:
        """End at once, so that nobody takes what was sent for all of it."""
        cast(ITCPTransport, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._ending is not None and self._ending.active():
            self._ending.cancel()
        if self.factory.connection_log is not None:
            self.factory.connection_log.disconnected(self._source, end_sentence(reason))
        super().connectionLost(reason)


@implementer(IProtocolNegotiationFactory)
class GatewayFactory(Factory[Channel]):
    """Channels whose requests `handler` answers: what serves at one listener."""

    noisy = False

    def __init__(
        self, handler: Handler, clock: IReactorTime, label: str, settings: ConnectionSettings
    ) -> None:
        self._handler = handler
        self._clock = clock
        self._label = label
        self.apply(settings)

    @property
    def takes(self) -> GatewayFactory:
        return self

    def listening(self, listener: Listener) -> None:
        """Do nothing: no listener matters here."""

    def apply(self, settings: ConnectionSettings) -> None:
        """Log connections to come, or not."""
        self.connection_log: ConnectionLog | None = None
        if settings.log_connections:
            self.connection_log = ConnectionLog(self._label, self._clock)

    def close(self) -> None:
        if self.connection_log is not None:
            self.connection_log.flush()

    def buildProtocol(self, addr: IAddress | None) -> Channel:
        # HTTPChannel wants to be told all this by attributes.
        channel: Any = Channel()
        channel.factory = self
        channel.timeOut = REQUEST_SECONDS
        channel.callLater = self._clock.callLater
        channel.requestFactory = self._request
        return cast(Channel, channel)

    def acceptableProtocols(self) -> list[bytes]:
        """Return what is offered to a browser that asks inside TLS (ALPN); Twisted fails for others."""
        return [b"http/1.1"]

    def _request(self, channel: Channel, queued: object = None) -> GatewayRequest:
        return GatewayRequest(channel, self._handler)

    def log(self, request: Any) -> None:
        """Do nothing with a request that is done: the gateway counts them, and keeps no record."""
