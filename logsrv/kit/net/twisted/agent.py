"""Twisted's HTTP client, with a bound for what comes before the body of an answer.

Its parser bounds a line, but not how many lines a head has, nor how many answers of 1xx come before it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import HTTPConnectionPool, ResponseDone, _HTTP11ClientFactory
from twisted.web.http import PotentialDataLoss

LARGEST_HEAD = 128 << 10
"""Bytes of the head of an answer, and of those of 1xx before it. Servers send a few KiB."""


class EndlessHead(Exception):
    """The head of an answer is larger than LARGEST_HEAD."""

    def __init__(self) -> None:
        super().__init__(f"the head of its answer is larger than {LARGEST_HEAD >> 10} KiB")


class _Connection(HTTP11ClientProtocol):
    # Bytes of the head so far; None while no answer is awaited.
    _head: int | None = None

    def request(self, request: Any) -> Deferred[Any]:
        self._head = 0
        return super().request(request).addBoth(self._head_ended)

    def _head_ended(self, answer: Any) -> Any:
        self._head = None
        return answer

    def dataReceived(self, data: bytes) -> None:
        # Checked when the next piece comes: the body may begin in the one that went over the limit.
        if self._head is not None and self._head > LARGEST_HEAD:
            transport: Any = self.transport
            transport.abortConnection()
            return
        if self._head is not None:
            self._head += len(data)
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        endless = self._head is not None and self._head > LARGEST_HEAD
        super().connectionLost(Failure(EndlessHead()) if endless else reason)


class _Factory(_HTTP11ClientFactory):
    def buildProtocol(self, addr: IAddress | None) -> HTTP11ClientProtocol:
        return _Connection(self._quiescentCallback)


class BoundedBody(Protocol):
    """The body of an answer, to its end or to a limit; the connection ends there.

    done: fires with whether that was its end. Who cancels it hangs up.
    """

    def __init__(self, most: int) -> None:
        self.done: Deferred[bool] = Deferred(lambda _: self._hang_up())
        self._most = most
        self._came = bytearray()

    @property
    def body(self) -> bytes:
        return bytes(self._came[: self._most])

    def dataReceived(self, data: bytes) -> None:
        if len(self._came) <= self._most:
            self._came += data
            if len(self._came) > self._most:
                self._hang_up()

    def _hang_up(self) -> None:
        transport: Any = self.transport
        transport.loseConnection()
        self._end(False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end(reason.check(ResponseDone, PotentialDataLoss) is not None)

    def _end(self, whole: bool) -> None:
        if not self.done.called:
            self.done.callback(whole)


def bounded_pool(reactor: Any, *, persistent: bool = True) -> HTTPConnectionPool:
    """Return the connections of an Agent, which fail with EndlessHead instead of taking memory for ever."""
    pool = HTTPConnectionPool(reactor, persistent)
    pool._factory = _Factory
    return pool
