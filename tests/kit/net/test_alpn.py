"""Clients that offer protocols over TLS are served, by whatever factory."""

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

from logsrv.kit.net.endpoints import parse_endpoint
from logsrv.kit.net.guard import GuardPolicy
from logsrv.kit.net.listen import listener_for
from logsrv.kit.observe.metrics import Metrics
from tests.gopher.servers import certificate_file
from tests.kit.net.network import REACTOR, in_reactor

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
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with context.wrap_socket(plain) as connection:
        return connection.recv(100), connection.selected_alpn_protocol()


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
    tmp_path: Path, factory: type[Factory], offered: list[str], chosen: str | None
) -> None:
    pem = certificate_file(tmp_path / "pem")
    text = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    listener: Any = listener_for(
        parse_endpoint(text),
        factory=factory(),  # type: ignore[arg-type]
        receiver=None,
        label="test",
        policy=GuardPolicy(),
        reactor=REACTOR,
        metrics=Metrics(),
    )
    listener.startService()
    try:
        port = int(listener.address.rpartition(":")[2])
        assert await deferToThread(visit, port, offered) == (b"hello", chosen)
    finally:
        await listener.stopService()
