"""Which closes linger, and for how long; that of an input is in tests/linelog/intake/test_lingering.py."""

import socket
import time
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from logsrv.kit.connections import linger
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.connections.linger import is_lingering, linger_at_close, stop_lingering
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.web.channel import WebFactory
from tests.parts.listening import LOOPBACK, Noted, port_of
from tests.parts.reactor import REACTOR, until


@implementer(IHalfCloseableProtocol)
class HalfClosing(Noted):
    """Hears of each half."""

    def readConnectionLost(self) -> None:
        self.factory.data += b"<end>"  # type: ignore[union-attr]

    def writeConnectionLost(self) -> None:
        self.factory.data += b"<half>"  # type: ignore[union-attr]


async def connected(site: Any, protocol: Any = Noted) -> tuple[socket.socket, Any]:
    """A peer, and our protocol for it."""
    site.factory.protocol = protocol
    listener = site.start(LOOPBACK)
    peer = socket.create_connection(("127.0.0.1", port_of(listener)), PATIENCE)
    await until(lambda: site.factory.made, "the connection")
    return peer, site.factory.made[0]


async def ended(peer: socket.socket) -> bytes:
    """What the peer gets until the end; b"reset" if that was one."""
    peer.setblocking(False)
    came = b""

    def look() -> bool:
        nonlocal came
        try:
            more = peer.recv(1000)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            came += b"reset"
            return True
        came += more
        return not more

    await until(look, "the end")
    return came


@pytest.mark.parametrize(
    ("written", "asked", "unread", "lingers"),
    [
        pytest.param(b"answer", None, b"", False, id="all is read: a usual close"),
        pytest.param(b"answer", None, b"more", True, id="bytes are unread"),
        pytest.param(b"answer", True, b"", True, id="the peer may go on"),
        pytest.param(b"answer", False, b"more", False, id="who must learn of it at once"),
        pytest.param(b"", True, b"more", False, id="nothing was written: nothing can be lost"),
    ],
)
async def test_a_close_lingers_where_an_answer_could_be_lost(written, asked, unread, lingers, site):
    peer, ours = await connected(site)
    transport = ours.transport
    transport.pauseProducing()
    peer.sendall(unread)
    await deferLater(REACTOR, 0.01)
    transport.write(written)
    if asked is not None:
        linger_at_close(transport, asked)
    transport.loseConnection()
    await deferLater(REACTOR, 0.01)
    assert is_lingering(transport) is lingers
    assert bool(site.factory.lost) is not lingers
    if lingers:
        assert await ended(peer) == written
        peer.sendall(b"still more")
        # The store pauses all connections, and this one is read all the same.
        transport.pauseProducing()
        transport.write(b"too late")
    peer.close()
    await until(lambda: site.factory.lost, "the end")
    assert site.factory.data == b""


@pytest.mark.parametrize("protocol", [Noted, HalfClosing])
@pytest.mark.parametrize(
    "how", ["it closes", "its time is over", "enough came", "we stop", "abort"]
)
async def test_a_lingering_connection_ends(how, protocol, site, monkeypatch):
    monkeypatch.setattr(linger, "LINGER_SECONDS", 0.05 if how == "its time is over" else 60)
    monkeypatch.setattr(linger, "LINGER_BYTES", 100)
    peer, ours = await connected(site, protocol)
    transport = ours.transport
    linger_at_close(transport)
    transport.write(b"answer")
    transport.loseConnection()
    await until(lambda: is_lingering(transport), "the close")
    match how:
        case "it closes":
            peer.shutdown(socket.SHUT_WR)
        case "enough came":
            peer.sendall(bytes(101))
        case "we stop":
            stop_lingering(transport)
        case "abort":
            transport.abortConnection()
    await until(lambda: site.factory.lost, "the end")
    assert site.factory.lost == [ours]
    # Neither half is told: the protocol has closed.
    assert site.factory.data == b""
    stop_lingering(transport)
    peer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n", b"413"),
        (b"GET /" + b"a" * 100_000, b"431"),
        (b"no request\r\n\r\n", b"400"),
    ],
    ids=["body", "address", "malformed"],
)
async def test_a_browser_that_goes_on_sending_is_told_what_was_too_much(head, status, site):
    site.factory = WebFactory(lambda request: None, REACTOR, "web", GuardPolicy())
    listener = site.start(LOOPBACK)
    came = await deferToThread(send_on, port_of(listener), head)
    assert came.startswith(b"HTTP/1.1 " + status)


def send_on(port: int, head: bytes) -> bytes:
    """Send, and go on sending for 20 ms; return what comes until the end."""
    came = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
        peer.sendall(head)
        for _ in range(20):
            peer.sendall(bytes(64 << 10))
            time.sleep(0.001)
        while more := peer.recv(1 << 16):
            came += more
    return came


async def test_a_stop_waits_for_no_peer_that_goes_on_sending_after_its_answer(site):
    peer, ours = await connected(site)
    linger_at_close(ours.transport)
    ours.transport.write(b"answer")
    ours.transport.loseConnection()
    ours.transport.protocol.closing = True
    await until(lambda: is_lingering(ours.transport), "the close")
    peer.sendall(b"x")
    began = REACTOR.seconds()
    [listener] = site.listeners
    cut: list[int] = []
    Deferred.fromCoroutine(listener.drain(10)).addCallback(cut.append)
    await until(lambda: cut, "the stop")
    assert cut == [0]
    assert REACTOR.seconds() - began < 2
    assert await ended(peer) == b"answer"
    peer.close()


def test_transports_of_others_do_not_linger():
    for other in (None, object(), socket.socket):
        linger_at_close(other)
        stop_lingering(other)
        assert not is_lingering(other)
