"""Twisted's HTTP client, with a limit on the bytes before the body of an answer.

Twisted's parser limits the length of a line, but not the number of lines in a head, nor the number of 1xx
answers before it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol, ParseError
from twisted.web.client import HTTPConnectionPool, ResponseDone, _HTTP11ClientFactory
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from logsrv.kit.connections.client_tls import TLSOptions, tls_connection_creator
from logsrv.kit.connections.keepalive import keep_alive

LARGEST_HEAD = 128 << 10
"""The maximum size in bytes of an answer's head together with the 1xx answers before it. Servers send a
few KiB.
"""

NOT_HTTP = (ParseError, ValueError)
"""The exceptions with which an Agent fails if the answer is not HTTP."""


class HeadTooLarge(Exception):
    """The head of an answer is larger than LARGEST_HEAD."""

    def __init__(self) -> None:
        super().__init__(f"the head of its answer is larger than {LARGEST_HEAD >> 10} KiB")


class _LimitedHeadConnection(HTTP11ClientProtocol):
    # Bytes of the head so far; None while no answer is awaited.
    _head: int | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        keep_alive(self.transport)

    def request(self, request: Any) -> Deferred[Any]:
        self._head = 0
        return super().request(request).addBoth(self._head_ended)

    def _head_ended(self, answer: Any) -> Any:
        self._head = None
        return answer

    def dataReceived(self, data: bytes) -> None:
        # Checked at the next piece: the body may begin in the piece that went over the limit.
        if self._head is not None and self._head > LARGEST_HEAD:
            transport: Any = self.transport
            transport.abortConnection()
            return
        if self._head is not None:
            self._head += len(data)
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        endless = self._head is not None and self._head > LARGEST_HEAD
        super().connectionLost(Failure(HeadTooLarge()) if endless else reason)


class _LimitedHeadFactory(_HTTP11ClientFactory):
    def buildProtocol(self, addr: IAddress | None) -> HTTP11ClientProtocol:
        return _LimitedHeadConnection(self._quiescentCallback)


class BoundedBody(Protocol):
    """The body of an answer, up to its end or to `most` bytes; at the limit the connection is closed.

    done: fires with True if the body is complete. Cancelling it closes the connection.
    """

    def __init__(self, most: int) -> None:
        self.done: Deferred[bool] = Deferred(lambda _: self._close_at_limit())
        self._most = most
        self._came = bytearray()

    @property
    def body(self) -> bytes:
        return bytes(self._came[: self._most])

    def dataReceived(self, data: bytes) -> None:
        if len(self._came) <= self._most:
            self._came += data
            if len(self._came) > self._most:
                self._close_at_limit()

    def _close_at_limit(self) -> None:
        transport: Any = self.transport
        transport.loseConnection()
        self._fire_done(False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._fire_done(reason.check(ResponseDone, PotentialDataLoss) is not None)

    def _fire_done(self, whole: bool) -> None:
        if not self.done.called:
            self.done.callback(whole)


def limited_head_pool(reactor: Any, *, persistent: bool = True) -> HTTPConnectionPool:
    """Return a pool of connections for an Agent. Its connections fail with HeadTooLarge if a head is too
    large.
    """
    pool = HTTPConnectionPool(reactor, persistent)
    pool._factory = _LimitedHeadFactory
    return pool


@implementer(IPolicyForHTTPS)
class NameCheckingPolicy:
    """The TLS policy of an Agent of twisted.web: it trusts the system's authorities, and checks the
    certificate for the name in the URL.
    """

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        return tls_connection_creator(TLSOptions(), hostname.decode("ascii"))
