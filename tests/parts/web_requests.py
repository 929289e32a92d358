"""Requests in memory for tests: a channel without a socket."""

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure

from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.web.channel import WebFactory, WebRequest


class _Transport(StringTransportWithDisconnection):
    aborting = False

    def abortConnection(self) -> None:
        self.aborting = True


class Browser:
    """A connection whose requests `handle` answers; `received` is all that came back."""

    def __init__(
        self,
        handle: Callable[[WebRequest], object],
        clock: Clock | None = None,
        peer: str = "127.0.0.1",
        host: str = "127.0.0.1",
    ) -> None:
        self.transport = _Transport(
            hostAddress=IPv4Address("TCP", host, 80), peerAddress=IPv4Address("TCP", peer, 5)
        )
        factory = WebFactory(handle, clock or Clock(), "web", GuardPolicy())
        self.channel: Any = factory.buildProtocol(None)
        self.transport.protocol = self.channel
        self.channel.makeConnection(self.transport)

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> bytes:
        """Send a request; what came back until now. `Host` is localhost unless given."""
        given = {"Host": "localhost"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {given[name]}" for name in given)]
        self.channel.dataReceived("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return self.received

    @property
    def received(self) -> bytes:
        value: bytes = self.transport.value()
        return value

    def leave(self) -> None:
        """Close the connection from the other end."""
        self.channel.connectionLost(Failure(ConnectionDone()))


def requested(**how: Any) -> WebRequest:
    """A request as a handler gets it."""
    found: list[WebRequest] = []
    browser = Browser(
        found.append, **{name: how.pop(name) for name in ("peer", "host") if name in how}
    )
    browser.get(**how)
    return found[0]
