"""The certificate of a listener, whatever protocols a client offers. Also run with other Twisteds."""

import socket

import pytest
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.listening import port_of, unverified

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
    context = unverified()
    if offered:
        context.set_alpn_protocols(offered)
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
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
async def test_a_client_is_served_whatever_protocols_it_offers(
    site, tmp_path, front, factory, offered, chosen
):
    """It is served, by whatever factory."""
    pem = certificate_file(tmp_path / "pem")
    site.factory = factory()  # type: ignore[assignment]
    listener = site.start(f"{front}ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}")
    assert await deferToThread(visit, port_of(listener), offered) == (b"hello", chosen)
