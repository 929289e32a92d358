"""Ports that accept: who a peer is, and what they do when nobody can be accepted."""

import errno
import os
import socket
import sys
import time
from unittest.mock import Mock

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from logsrv.kit.connections import _streams as streams
from logsrv.kit.connections._streams import MOST_ACCEPTED, AcceptingPort
from logsrv.kit.net._ports import FilelessUNIXPort
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.listening import LOOPBACK, port_of
from tests.parts.reactor import logged, until


async def test_a_protocol_that_cannot_be_made_harms_nobody_else(site):
    """The next who comes is served."""
    listener = site.start(LOOPBACK)
    noted, site.factory.protocol = site.factory.protocol, lambda: 1 / 0
    with logged() as messages:
        socket.create_connection(("127.0.0.1", port_of(listener)), PATIENCE).close()
        await until(lambda: "cannot accept" in messages, "the error")
    site.factory.protocol = noted
    with socket.create_connection(("127.0.0.1", port_of(listener)), PATIENCE) as peer:
        peer.sendall(b"hello")
        await until(lambda: site.factory.data == b"hello", "the next")


class Watching(Clock):
    """A reactor that notes what it watches."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: list[object] = []
        self.addReader, self.removeReader = self.watched.append, self.watched.remove


@pytest.mark.parametrize("kind", [AcceptingPort, FilelessUNIXPort])
@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENFILE, "Too many open files in system (sysctl fs.file-max)"),
        (errno.EMFILE, "Too many open files (LimitNOFILE=, ulimit -n)"),
    ],
)
def test_a_machine_without_files_is_asked_again_each_second(kind, number, told, monkeypatch):
    """Whoever waits goes on waiting; the reactor did nothing but log it, 10,000 times a second."""
    monkeypatch.setattr(streams, "EXHAUSTIONS", RateLimitedLog(time.monotonic))
    monkeypatch.setattr(streams, "reserved_file", Mock(available=lambda: False))
    reactor = Watching()
    port = kind("" if kind is FilelessUNIXPort else 0, Factory(), reactor=reactor)
    exhausted = {"accept.side_effect": OSError(number, "")}
    listening = port.socket = Mock(fileno=lambda: 7, **exhausted)
    port.connected = True
    port.startReading()
    with logged() as messages:
        for _ in range(3):
            port.doRead()
            assert reactor.watched == []
            reactor.advance(1)
            assert reactor.watched == [port]
    [message] = messages
    assert message.startswith(f"peers wait, none can be accepted: {told}")
    port.doRead()
    listening.fileno = lambda: -1
    reactor.advance(1)
    assert reactor.watched == [], "a stop has closed it"


def test_a_turn_is_over_soon_however_many_wait():
    """Those who come keep nobody waiting who is there already."""
    factory = Mock(**{"buildProtocol.return_value": None})
    port = AcceptingPort(0, factory, reactor=Watching())
    port.socket = Mock(accept=lambda: (Mock(), ("127.0.0.1", 1)))
    port.doRead()
    assert factory.buildProtocol.call_count == MOST_ACCEPTED


def test_peers_that_come_one_by_one_are_looked_for_one_by_one():
    """A look in vain costs as much as to send a greeting; of many that wait, all are soon accepted."""
    factory = Mock(**{"buildProtocol.return_value": None})
    port = AcceptingPort(0, factory, reactor=Watching())
    waiting, looks = 0, 0

    def accept() -> tuple[Mock, tuple[str, int]]:
        nonlocal waiting, looks
        looks += 1
        if not waiting:
            raise BlockingIOError
        waiting -= 1
        return Mock(), ("127.0.0.1", 1)

    port.socket = Mock(accept=accept)
    for needed in (2, 1):
        waiting, looks = 1, 0
        port.doRead()
        assert (waiting, looks) == (0, needed)
    waiting = 1000
    for left in (998, 994, 986, 970, 938, 906):
        port.doRead()
        assert waiting == left


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names without files")
async def test_a_peer_with_a_name_of_four_bytes_is_served(site, tmp_path):
    """It was taken for an address of IPv6, which has four parts."""
    site.start(f"unix:{tmp_path}/s")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.bind("\0" + os.urandom(3).hex()[:3])
        peer.connect(f"{tmp_path}/s")
        peer.sendall(b"hello")
        await until(lambda: site.factory.data == b"hello", "the bytes")
