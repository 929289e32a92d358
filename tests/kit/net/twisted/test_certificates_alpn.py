"""The certificate of a listener, whatever protocols a client offers. Also run with other Twisteds."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.listen import listener_for
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.observe.metrics import Metrics
from tests.gopher.servers import certificate_file
from tests.kit.net.network import REACTOR, in_reactor, port_of

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


class Hello(Protocol):
    def connectionMade(self) -> None:
        self.transport.write(b"hello")  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]


class Plain(Factory):
    protocol = Hello
    noisy = False


@implementer(IProtocolNegotiationFactory)
class Web(Plain):
    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]


def visit(port: int, offered: list[str]) -> tuple[bytes, str | None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if offered:
        context.set_alpn_protocols(offered)
    plain = socket.create_connection(("127.0.0.1", port), 60)
    with context.wrap_socket(plain) as connection:
        connection.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n.")
        return connection.recv(100), connection.selected_alpn_protocol()


@pytest.mark.parametrize("front", ["", "haproxy:"])
@pytest.mark.parametrize(
    ("factory", "offered", "chosen"),
    [
        (Plain, [], None),
        (Plain, ["http/1.1", "h2"], None),
        (Web, ["h2", "http/1.1"], "http/1.1"),
        (Web, ["h2"], None),
        (Web, [], None),
    ],
)
@in_reactor
async def test_what_a_client_offers(
    tmp_path: Path, front: str, factory: type[Factory], offered: list[str], chosen: str | None
) -> None:
    """It is served, by whatever factory."""
    pem = certificate_file(tmp_path / "pem")
    listener: Any = listener_for(
        parse_endpoint(f"{front}ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"),
        factory(),  # type: ignore[arg-type]
        label="test",
        policy=GuardPolicy(),
        reactor=REACTOR,
        metrics=Metrics(),
    )
    listener.bind()
    listener.open()
    try:
        assert await deferToThread(visit, port_of(listener), offered) == (b"hello", chosen)
    finally:
        await listener.drain(0)
