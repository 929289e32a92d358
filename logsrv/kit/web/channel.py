"""HTTP requests as our web servers take them: in time, with a small body at most, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IProtocolNegotiationFactory,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from zope.interface import implementer

from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.listen import OwnReceiver
from logsrv.kit.net.source import source_of
from logsrv.kit.net.twisted.http import MalformedRequests, pipelined
from logsrv.kit.net.twisted.turns import next_turn
from logsrv.kit.observe.peer_log import ConnectionLog, end_sentence

# Seconds from the end of one answer to the last header of the next request.
REQUEST_SECONDS = 60
ABORT_SECONDS = 15
# Requests one behind the other that are answered before others have their turn: a chunk holds thousands.
AT_ONCE = 16
# Bytes that may have come behind the request that is being answered.
MOST_PIPELINED = 16 * 1024
# A small body is read even where none is wanted, so that its sender hears why; a form is kept.
MOST_BODY = 64 * 1024
MOST_KEPT = 4 * 1024
# Python refuses to read a number of thousands of digits.
MOST_DIGITS = 20
_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_LONG_SAID = b"the address or a header of this request is longer than 16 KiB; make it shorter\n"
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
    % (len(_TOO_LONG_SAID), _TOO_LONG_SAID)
)


_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)


def host_and_target(uri: bytes) -> tuple[bytes | None, bytes]:
    """Return what a request asks for, and the host in it if it is asked as proxies do.

    Then that host is the one that counts (RFC 9112, section 3.2.2).
    """
    found = _ABSOLUTE.fullmatch(uri)
    if found is None:
        return None, uri
    return found[1], found[2] if found[2].startswith(b"/") else b"/" + found[2]


class WebRequest(Request):
    """A request of `browser`; `has_body` if one came with it, of which `content` has the beginning."""

    def __init__(self, channel: Channel, handle: Callable[[WebRequest], object]) -> None:
        super().__init__(channel)
        self.browser = channel
        self._handle = handle
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
        if self._body <= MOST_KEPT:
            assert self.content is not None
            self.content.write(data)
        if self._body > MOST_BODY:
            self._refuse()

    def _refuse(self) -> None:
        if not self._too_large:
            self._too_large = True
            self.browser.write(_TOO_LARGE)
            self.browser.loseConnection()

    def process(self) -> None:
        if self._too_large:
            return
        host, self.uri = host_and_target(self.uri)
        if host is not None:
            self.requestHeaders.setRawHeaders(b"host", [host])
            self.path = self.uri.partition(b"?")[0]
        self._handle(self)


@implementer(IHalfCloseableProtocol)
class Channel(MalformedRequests, HTTPChannel):
    """A connection that speaks HTTP: of a browser, a scraper, or a sender of logs."""

    factory: ChannelFactory
    _ending: IDelayedCall | None = None
    _done = 0

    def connectionMade(self) -> None:
        super().connectionMade()
        self._source = source_of(self.transport)
        if self.factory.connection_log is not None:
            self.factory.connection_log.connected(self._source)

    def dataReceived(self, data: bytes) -> None:
        # HTTPChannel starts the time anew for each byte of the headers; here it goes on.
        LineReceiver.dataReceived(self, data)
        if pipelined(self) > MOST_PIPELINED:
            # Until that answer: else a chunk is read for each of its requests, and all is kept.
            cast(ITCPTransport, self.transport).pauseProducing()  # type: ignore[attr-defined]

    def headerReceived(self, line: bytes) -> bool:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(value.strip()) > MOST_DIGITS:
            self.malformed()
            self.write(_TOO_LARGE)
            self.loseConnection()
            return False
        return bool(super().headerReceived(line))

    def lineLengthExceeded(self, line: bytes) -> None:
        self.malformed()
        self.write(_TOO_LONG)
        self.loseConnection()

    def readConnectionLost(self) -> None:
        """Send what is answered; who asks, and closes his half, may be waiting for it."""
        self.timeoutConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: we never close our half alone."""

    def requestDone(self, request: Request) -> None:
        self._done += 1
        if self._done % AT_ONCE:
            self.go_on_behind(request)
        else:
            next_turn(self.factory.clock, partial(self._go_on, request))

    def go_on_behind(self, request: Request) -> None:
        """Take in what follows a request that is answered."""
        super().requestDone(request)

    def _go_on(self, request: Request) -> None:
        if self.connected:
            self.go_on_behind(request)

    def timeoutConnection(self) -> None:
        if self._ending is None:
            self._ending = self.callLater(ABORT_SECONDS, self.abort)
        self.loseConnection()

    def abort(self) -> None:
        """End at once, so that nobody takes what was sent for all of it."""
        cast(ITCPTransport, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        if self._ending is not None and self._ending.active():
            self._ending.cancel()
        if self.factory.connection_log is not None:
            self.factory.connection_log.disconnected(self._source, end_sentence(reason))
        super().connectionLost(reason)


@implementer(IProtocolNegotiationFactory)
class ChannelFactory(Factory[Channel]):
    """Channels of a kind, with requests of a kind: set both, and override `request`.

    Records no requests: whoever answers them counts them.
    """

    noisy = False
    channel: type[Channel] = Channel
    refuses_tls = True
    connection_log: ConnectionLog | None = None

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock

    def request(self, channel: Any) -> Request:
        """Return a new request of a channel."""
        raise NotImplementedError(f"{type(self).__name__} has no request")

    def buildProtocol(self, addr: IAddress | None) -> Channel:
        # HTTPChannel wants to be told all this by attributes.
        channel: Any = self.channel()
        channel.factory = self
        channel.timeOut = REQUEST_SECONDS
        channel.callLater = self.clock.callLater
        channel.requestFactory = lambda channel, queued=None: self.request(channel)
        return cast(Channel, channel)

    def acceptableProtocols(self) -> list[bytes]:
        """Return what is offered to a client that asks inside TLS (ALPN); Twisted fails for others."""
        return [b"http/1.1"]

    def log(self, request: Any) -> None:
        """Do nothing with a request that is done."""


class WebFactory(OwnReceiver, ChannelFactory):
    """Channels whose requests `handle` answers: what serves at one listener."""

    def __init__(
        self,
        handle: Callable[[WebRequest], object],
        clock: IReactorTime,
        label: str,
        settings: GuardPolicy,
    ) -> None:
        super().__init__(clock)
        self._handle = handle
        self._label = label
        self.apply(settings)

    def apply(self, settings: GuardPolicy) -> None:
        """Log connections to come, or not."""
        self.connection_log = (
            ConnectionLog(self._label, self.clock) if settings.log_connections else None
        )

    def close(self) -> None:
        if self.connection_log is not None:
            self.connection_log.flush()

    def request(self, channel: Any) -> WebRequest:
        return WebRequest(channel, self._handle)
