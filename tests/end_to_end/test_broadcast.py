"""A chat in a twistd with one peer that sends faster than the others can be written to, over
TCP and TLS.
"""

import signal
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.daemons import Twistd

pytestmark = pytest.mark.slow

PLUGIN = """
from logsrv.kit import LineProtocol, protocol_plugin


class Chat(LineProtocol):
    def connection_made(self):
        self.send_line("welcome")

    def line_received(self, line):
        if line == "I stand still":
            self.patience = 1.0
            self.send_line("noted")
        else:
            self.service.broadcast(line, but=self)


async def talk(connection):
    connection.send_line("welcome")
    async for line in connection:
        connection.service.broadcast(line, but=connection)


chat = protocol_plugin("chat", Chat)
talks = protocol_plugin("talks", talk)
"""

# 5 MB: more than the buffers of the kernel and the kit hold for a peer that never reads.
SAID = b"".join(b"%048d\r\n" % number for number in range(100_000))


def heard(client: socket.socket, number: int) -> bytes:
    received = bytearray()
    while len(received) < number and (data := client.recv(262_144)):
        received += data
    return bytes(received)


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("chat", "tcp"),
        ("talks", "ssl"),
        pytest.param("chat", "ssl", marks=(pytest.mark.long, pytest.mark.nightly)),
        pytest.param("talks", "tcp", marks=(pytest.mark.long, pytest.mark.nightly)),
    ],
)
def test_who_reads_hears_every_byte(kind, scheme, tmp_path):
    """Three peers read and miss nothing; one that never reads is cut off, and the log says so.

    If every peer reads, none is cut off.
    """
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "chat_plugin.py").write_text(PLUGIN)
    authority = Authority(tmp_path)
    where = f"{scheme}:0:interface=127.0.0.1"
    if scheme == "ssl":
        pem = authority.certify("localhost")
        where += f":privateKey={pem}:certKey={pem}"
    with Twistd(
        kind, "--listen", where, directory=tmp_path, environment={"PYTHONPATH": str(tmp_path)}
    ) as server:

        def connect(window: int = 0) -> socket.socket:
            client = socket.socket()
            if window:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", server.port()))
            if scheme == "ssl":
                context = ssl.create_default_context(cafile=str(authority.cafile))
                client = context.wrap_socket(client, server_hostname="localhost")
            assert heard(client, 9) == b"welcome\r\n"
            return client

        readers = [connect() for _ in range(3)]
        still = [connect(window=4096)] if kind == "chat" else []
        for client in still:
            # The other peers may be delayed for longer than that.
            client.sendall(b"I stand still\r\n")
            assert heard(client, 7) == b"noted\r\n"
        with connect() as sender, ThreadPoolExecutor() as threads:
            hearing = [threads.submit(heard, reader, len(SAID)) for reader in readers]
            sender.sendall(SAID)
            assert all(one.result() == SAID for one in hearing)
        cut = server.log().count("cut off: others wait to send to it, and it has taken nothing for")
        assert cut == len(still)
        for client in (*readers, *still):
            client.close()
        server.send_signal(signal.SIGTERM)
        server.wait()
        assert "stopped, 0 connections cut off" in server.log()
        assert "Traceback" not in server.log()
