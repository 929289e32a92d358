"""Lines through a proxy that names the client, with headers built by the tests."""

import socket
import ssl

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import Logger
from tests.parts.store_reader import stored_lines

PROXY = "haproxy:tcp:0:interface=127.0.0.1"
HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.1 51234 1234\r\n"
BINARY_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = BINARY_SIGNATURE + b"\x20\x00\x00\x00"
INET = b"\x21\x11\x00\x0f" + bytes([192, 0, 2, 7, 192, 0, 2, 1]) + b"\xc8\x22\x04\xd2"


def sources(server: Logger) -> list[bytes]:
    return [line.source for line in stored_lines(server.store)]


def send(server: Logger, *pieces: bytes) -> None:
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)


def ends(server: Logger, *sent: bytes) -> bool:
    """Return whether the daemon ends a connection that has sent this."""
    with server.connect() as connection:
        connection.settimeout(PATIENCE)
        for piece in sent:
            connection.sendall(piece)
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


def test_binary_headers(logger):
    """Headers are read with additional fields, and without an address, as for the proxy's own checks."""
    server = logger(listen=[PROXY])
    send(server, BINARY_SIGNATURE + INET + b"\x04\x00\x00" + b"hello\n")
    server.wait_for_messages(1)
    send(server, LOCAL + b"check\n")
    server.wait_for_messages(2)
    client, proxy = sources(server)
    assert client == b"tcp:192.0.2.7:51234"
    assert proxy.startswith(b"tcp:127.0.0.1:")


@pytest.mark.slow
def test_a_proxy_that_speaks_tls_sends_its_header_inside(
    logger,
    certificate,
):
    server = logger(
        listen=[
            f"haproxy:ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}"
        ],
        wait=False,
    )
    server.wait_for_log("listening for lines on proxied tls")
    context = ssl.create_default_context(cafile=str(certificate))
    with context.wrap_socket(server.connect(), server_hostname="localhost") as connection:
        connection.sendall(HEADER + b"hello\n")
        assert server.wait_for_messages(1) == [b"hello"]
    assert sources(server) == [b"tls:192.0.2.7:51234"]
