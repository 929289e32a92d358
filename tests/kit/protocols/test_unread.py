"""Peers that do not read what is sent to them, without TLS and with it."""

import socket
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit import Connection, LineProtocol
from logsrv.kit.testing import MemoryService, serve
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.listening import unverified

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
PLAIN, TLS = "tcp:0:interface=127.0.0.1", "ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"


def connected(port: int, *, tls: bool) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    peer.connect(("127.0.0.1", port))
    if not tls:
        return peer
    return unverified().wrap_socket(peer)


@pytest.mark.parametrize("listen", [PLAIN, TLS])
async def test_a_drain_before_the_handshake_ends_after_it(listen, tmp_path):
    class Patient(LineProtocol):
        async def connection_made(self) -> None:
            for _ in range(300):
                self.send_line("x" * 10_000)
                await self.drain()
            self.close("all")

    def received(port: int) -> bytes:
        data = bytearray()
        with connected(port, tls=listen == TLS) as peer:
            peer.settimeout(PATIENCE)
            while chunk := peer.recv(1 << 16):
                data += chunk
        return bytes(data)

    pem = certificate_file(tmp_path / "pem")
    async with serve(Patient, "--listen", listen.format(pem=pem)) as running:
        found: Any = await deferToThread(received, running.port)
    assert len(found) == 300 * 10_002 + len("all\r\n")


@pytest.mark.parametrize("text", [True, False])
def test_an_endless_writer_lets_others_have_their_turn(text):
    """A peer that reads as fast as it is written to kept all others waiting."""
    waited: list[bool] = []

    async def generate(connection: Connection) -> None:
        for _ in range(1000):
            connection.send_line("x" * 1000) if text else connection.write(b"x" * 1000)
            await connection.drain()
        waited.append(False)

    peer = MemoryService(generate).connect(reads=False)
    assert not waited and not peer.closed
