"""Listening with certificates."""

import socket
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit.net.bind import ListenError
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.listening import (
    in_reactor,
    logged,
    port_of,
    until,
    unverified,
)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost and its key in one PEM file."""
    return certificate_file(tmp_path / "server.pem", "localhost")


def tls_send(port: int, data: bytes, sent: threading.Event | None = None) -> bytes:
    """Send `data` over TLS, wait for the other side's end; gives what it said. sent: set in between."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        unverified().wrap_socket(plain) as client,
    ):
        client.sendall(data)
        if sent is not None:
            sent.set()
        return client.recv(1)


# Twisted's own; it says so once per listener.
tls = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


@tls
@in_reactor
async def test_tls_clients_are_named_as_such_and_drained_too(site, certificate):
    listener = site.start(f"ssl:0:privateKey={certificate}:interface=127.0.0.1")
    line, sent = b"x" * 99 + b"\n", threading.Event()
    sending = deferToThread(tls_send, port_of(listener), line * 5000, sent)
    await until(lambda: site.factory.data, "the first lines")
    # Who pauses between two lines is silent, and closed.
    site.factory.made[0].transport.pauseProducing()
    await until(sent.is_set, "the last lines to be on their way")
    site.factory.made[0].transport.resumeProducing()
    assert await listener.drain(10) == 0
    assert await sending == b""
    assert site.factory.data == line * 5000
    assert site.factory.made[0].source.startswith("tls:127.0.0.1:")


@in_reactor
async def test_a_useless_certificate_is_told_before_the_first_client_comes(
    site, certificate, tmp_path
):
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(ListenError, match="cannot be used"):
        site.start(f"ssl:0:privateKey={certificate}:certKey={tmp_path}/empty.pem")


@tls
@in_reactor
async def test_a_denied_tls_client_gets_no_handshake(site, certificate):
    endpoint = f"ssl:0:privateKey={certificate}:interface=127.0.0.1"
    listener = site.start(endpoint, deny=(ip_network("127.0.0.0/8"),))
    with logged() as messages, pytest.raises(OSError):
        await deferToThread(tls_send, port_of(listener), b"x")
    assert site.factory.made == []
    assert site.value("connections_refused_total", reason="denied") == 1
    assert not any("Traceback" in message for message in messages)


@tls
@in_reactor
async def test_a_client_whose_handshake_is_not_done_is_not_reset(site, certificate):
    """Neither one that waits to be accepted nor one that hangs."""
    listener = site.start(f"ssl:0:privateKey={certificate}:interface=127.0.0.1")
    address = ("127.0.0.1", port_of(listener))
    with socket.create_connection(address, PATIENCE) as hanging:
        await until(lambda: site.value("connections_open"), "the connection")
        with socket.create_connection(address, PATIENCE) as waiting, logged() as messages:
            assert await listener.drain(10) == 0
            assert (hanging.recv(100), waiting.recv(100)) == (b"", b"")
    assert not any("Traceback" in message or "Unhandled" in message for message in messages)
