"""A plugin that works on answers while twistd is stopped or a peer disconnects, over TCP and TLS."""

import re
import signal
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.daemons import Twistd

PLUGIN = """
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from logsrv.kit import LineProtocol, protocol_plugin


async def work(peer, seconds):
    peer.log.info("at work")
    try:
        await deferLater(reactor, float(seconds))
    except CancelledError:
        peer.log.info("cancelled")
        raise
    peer.send_line(f"done after {seconds}")


async def streams(connection):
    async for line in connection:
        await work(connection, line)


class Lines(LineProtocol):
    async def line_received(self, line):
        await work(self, line)


streams_plugin = protocol_plugin("streams", streams)
lines_plugin = protocol_plugin("lines", Lines)
"""

KINDS = pytest.mark.parametrize("kind", ["streams", "lines"])
SCHEMES = pytest.mark.parametrize("scheme", ["tcp", "ssl"])
Connect = Callable[[], socket.socket]


@contextmanager
def run(kind: str, scheme: str, folder: Path) -> Iterator[tuple[TwistdProcess, Connect]]:
    """Yield a twistd with the plugin, and a function that connects to it."""
    plugins = folder / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "working_plugin.py").write_text(PLUGIN)
    authority = Authority(folder)
    where = f"{scheme}:0:interface=127.0.0.1"
    if scheme == "ssl":
        pem = authority.certify("localhost")
        where += f":privateKey={pem}:certKey={pem}"
    server = Twistd(
        kind, "--listen", where, directory=folder, environment={"PYTHONPATH": str(folder)}
    )

    def connect() -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", server.port()), PATIENCE)
        if scheme == "tcp":
            return plain
        context = ssl.create_default_context(cafile=str(authority.cafile))
        return context.wrap_socket(plain, server_hostname="localhost")

    with server:
        yield server, connect


def rest(client: socket.socket) -> bytes:
    received = b""
    while data := client.recv(65536):
        received += data
    return received


@pytest.mark.slow
@KINDS
@SCHEMES
def test_an_answer_in_preparation_goes_out(kind, scheme, tmp_path):
    """None of the answer was sent before the stop; the connection is closed only after it."""
    with run(kind, scheme, tmp_path) as (server, connect), connect() as client:
        client.sendall(b"0.7\n")
        server.wait_for_log("at work")
        server.send_signal(signal.SIGTERM)
        assert rest(client) == b"done after 0.7\r\n"
        server.wait()
        assert "stopped, 0 connections cut off" in server.log()


@pytest.mark.long
@KINDS
@SCHEMES
def test_work_that_takes_too_long_is_told_and_cancelled(kind, scheme, tmp_path):
    """The log gives the number of peers without an answer; the handler can clean up."""
    with run(kind, scheme, tmp_path) as (server, connect), connect() as client:
        client.sendall(b"600\n")
        server.wait_for_log("at work")
        server.stop()
        assert re.search("cancelled", server.log())
        assert "stopped, 1 connection cut off" in server.log()


@pytest.mark.slow
@KINDS
@SCHEMES
def test_a_peer_that_goes_takes_its_work_with_it(kind, scheme, tmp_path):
    """Its handler is cancelled when the peer resets the connection, or closes it as TLS does."""
    with run(kind, scheme, tmp_path) as (server, connect):
        client = connect()
        client.sendall(b"600\n")
        server.wait_for_log("at work")
        if scheme == "tcp":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        server.wait_for_log("cancelled")
        server.stop()
        assert "stopped, 0 connections cut off" in server.log()
        assert "Traceback" not in server.log()
