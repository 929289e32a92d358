"""Plain Twisted protocols that are sending when twistd is told to stop, over TCP, TLS and UNIX sockets."""

import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.daemons import Twistd

# More bytes than the buffers of the kernel hold.
SIZE = 24_000_000

PLUGIN = f"""
from twisted.internet import reactor
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from logsrv.kit import LineProtocol, protocol_plugin

PIECE = {SIZE // 12}


class Whole(Protocol):
    def connectionMade(self):
        self.transport.write(b"x" * 12 * PIECE)


class Giving(Protocol):
    left = 12

    def give(self):
        self.left -= 1
        self.transport.write(b"x" * PIECE)
        if not self.left:
            self.transport.unregisterProducer()

    def stopProducing(self):
        self.left = 0


@implementer(IPullProducer)
class Pulled(Giving):
    def connectionMade(self):
        self.transport.registerProducer(self, False)

    def resumeProducing(self):
        self.give()


@implementer(IPushProducer)
class Pushing(Giving):
    def connectionMade(self):
        self.transport.registerProducer(self, True)
        self.give()

    def pauseProducing(self):
        pass

    def resumeProducing(self):
        if self.left:
            self.give()


class Clocked(Protocol):
    # Its producer has nothing to write at times, though its peer reads.
    def connectionMade(self):
        self.transport.registerProducer(Ticking(self.transport), True)


@implementer(IPushProducer)
class Ticking(Giving):
    def __init__(self, transport):
        self.transport = transport
        self.tick()

    def pauseProducing(self):
        pass

    def resumeProducing(self):
        pass

    def tick(self):
        if self.left:
            reactor.callLater(0.1, self.tick)
            self.give()


class Echo(Protocol):
    def connectionMade(self):
        self.transport.registerProducer(self.transport, True)
        self.transport.write(b"x" * 12 * PIECE)


class Kit(LineProtocol):
    def connection_made(self):
        self.write(b"x" * 12 * PIECE)


whole = protocol_plugin("whole", Whole)
pulled = protocol_plugin("pulled", Pulled)
pushing = protocol_plugin("pushing", Pushing)
clocked = protocol_plugin("clocked", Clocked)
echo = protocol_plugin("echo", Echo)
kit = protocol_plugin("kit", Kit)
"""

SCHEMES = ["tcp", "ssl", "unix"]
KINDS = ["whole", "pulled", "pushing", "clocked", "echo", "kit"]


NIGHTLY = (pytest.mark.long, pytest.mark.nightly)


def cases(kinds: list[str]) -> list[ParameterSet]:
    """Return all pairs of a kind and a scheme; each of both is in a pair that CI runs."""
    return [
        pytest.param(kind, scheme, marks=() if index % 3 == other else NIGHTLY)
        for index, kind in enumerate(kinds)
        for other, scheme in enumerate(SCHEMES)
    ]


@contextmanager
def download(kind: str, scheme: str, folder: Path) -> Iterator[tuple[TwistdProcess, socket.socket]]:
    """Yield a stopping twistd with the plugin, and a client that has read the first byte."""
    plugins = folder / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "transfers_plugin.py").write_text(PLUGIN)
    authority = Authority(folder)
    where = f"{scheme}:0:interface=127.0.0.1"
    if scheme == "ssl":
        pem = authority.certify("localhost")
        where += f":privateKey={pem}:certKey={pem}"
    elif scheme == "unix":
        where = f"unix:{folder / 'socket'}"
    with Twistd(
        kind, "--listen", where, directory=folder, environment={"PYTHONPATH": str(folder)}
    ) as server:
        server.wait_for_log("is ready")
        if scheme == "unix":
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(folder / "socket"))
        else:
            client = socket.create_connection(("127.0.0.1", server.port()), PATIENCE)
        if scheme == "ssl":
            context = ssl.create_default_context(cafile=str(authority.cafile))
            client = context.wrap_socket(client, server_hostname="localhost")
        client.settimeout(PATIENCE)
        with client:
            assert client.recv(1) == b"x"
            server.send_signal(signal.SIGTERM)
            server.wait_for_log("stopping")
            yield server, client


def rest(client: socket.socket) -> int:
    received = 0
    while data := client.recv(262_144):
        received += len(data)
    return received


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "scheme"), cases(KINDS))
def test_a_download_arrives_whole(kind, scheme, tmp_path):
    """The bytes that a producer has not given yet arrive too; then the connection is closed without a
    reset.
    """
    with download(kind, scheme, tmp_path) as (server, client):
        assert 1 + rest(client) == SIZE
        server.wait()
        assert "stopped, 0 connections cut off" in server.log()


@pytest.mark.long
@pytest.mark.parametrize(("kind", "scheme"), cases(["whole", "clocked", "kit"]))
def test_a_stalled_download_is_cut_off_and_counted(kind, scheme, tmp_path):
    with download(kind, scheme, tmp_path) as (server, _):
        server.wait()
        assert "stopped, 1 connection cut off" in server.log()
