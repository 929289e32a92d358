"""Clients that have to show a certificate: who is let in, under which name, and why others are not."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit.connections._tls import certificate_of
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.listening import Noted, Site, port_of, unverified
from tests.parts.reactor import logged, until

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


class Once(Noted):
    """Takes what is said, and closes."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.loseConnection()  # type: ignore[union-attr]


class Server:
    """A listener that asks for certificates, and what came of it."""

    def __init__(self, site: Site, directory: Path) -> None:
        self.site = site
        (directory / "ours").mkdir()
        (directory / "others").mkdir()
        self.authority = Authority(directory / "ours")
        self.stranger = Authority(directory / "others", "A, B")
        self.namesake = Authority(directory / "others")
        self.pem = self.authority.certify("server")
        self.factory: Any = site.factory
        self.factory.protocol = Once
        self.listener: Any = None

    def listen(self, words: str = "", front: str = "") -> None:
        self.listener = self.site.start(
            f"{front}ssl:0:interface=127.0.0.1:privateKey={self.pem}:certKey={self.pem}"
            f":clientca={self.authority.cafile}{words}"
        )

    async def visit(self, pem: Path | None, said: bytes = b"hello") -> str:
        return await deferToThread(visit, port_of(self.listener), pem, said)

    def refused(self, reason: str) -> float:
        return self.site.value("connections_refused_total", reason=reason)


def visit(port: int, pem: Path | None, said: bytes) -> str:
    """Say something, with a certificate; gives what the server says of that."""
    context = unverified()
    if pem is not None:
        context.load_cert_chain(pem)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
        try:
            with context.wrap_socket(plain) as connection:
                connection.sendall(said)
                connection.recv(1)
                return "closed"
        except OSError as error:
            return str(error)


@pytest.fixture
def server(site: Site, tmp_path: Path) -> Server:
    return Server(site, tmp_path)


async def test_the_name_in_a_certificate_is_the_name_of_the_peer(server):
    server.listen()
    await server.visit(server.authority.certify("shop.example"))
    await until(lambda: server.factory.lost, "its end")
    assert server.factory.data == b"hello"
    [peer] = server.factory.made
    assert peer.source.startswith("tls:127.0.0.1:")
    assert peer.source.endswith(",dns=shop.example")


@pytest.mark.parametrize(
    ("who", "reason", "why", "told"),
    [
        ("nobody", "certificate", "it shows no certificate", "required"),
        ("expired", "certificate", r"its certificate \(dns=old\) expired on 20", "expired"),
        (
            "stranger",
            "certificate",
            r"\(dns=evil\) is signed by an authority that is not trusted.*=A\\x5c\\x2c\\x20B\)",
            "unknown ca",
        ),
    ],
)
async def test_clients_without_a_valid_certificate_are_refused_with_a_reason(
    server, who, reason, why, told
):
    """The protocol never hears of them; the log has one sentence, the client the alert of TLS."""
    server.listen()
    pem = {
        "nobody": lambda: None,
        "expired": lambda: server.authority.certify("old", days=-1),
        "stranger": lambda: server.stranger.certify("evil"),
    }[who]()
    with logged() as messages:
        for _ in range(3):
            assert told in (await server.visit(pem)).lower().replace("_", " ")
        await until(lambda: server.refused(reason) == 3, "three refusals")
    assert server.factory.made == []
    [said] = [message for message in messages if "refused" in message]
    assert re.search(f"^test refused 127.0.0.1: .*{why}", said), said


async def test_an_optional_certificate_may_be_left_out(server):
    """Who shows none is let in without a name; a bad one is refused all the same."""
    server.listen(":clientcert=optional")
    await server.visit(None)
    await server.visit(server.authority.certify("shop.example"))
    await server.visit(server.stranger.certify("evil"))
    await until(lambda: server.refused("certificate"), "a refusal")
    await until(lambda: len(server.factory.lost) == 2, "both ends")
    names = [peer.source.partition(",")[2] for peer in server.factory.made]
    assert names == ["", "dns=shop.example"]


async def test_a_client_that_does_not_speak_tls_is_refused(server):
    """The most usual mistake: a sender that was told the port, and not that it is TLS."""

    def speak(data: bytes) -> None:
        with socket.create_connection(("127.0.0.1", port_of(server.listener)), PATIENCE) as plain:
            plain.sendall(data)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(1000):
                pass

    server.listen()
    with logged() as messages:
        await deferToThread(speak, b"GET / HTTP/1.0\r\n\r\n")
        await until(lambda: server.refused("tls"), "a refusal")
    assert [said for said in messages if "127.0.0.1: it speaks HTTP without TLS" in said]
    await deferToThread(speak, b"<13>Nov 20 06:23:18 host: hello\n")
    await until(lambda: server.refused("tls") == 2, "a refusal")
    assert server.factory.made == []


async def test_who_hangs_up_in_the_middle_is_no_refusal(server):
    """A check whether the port is open, for instance; and it leaves nothing behind."""
    server.listen()
    with logged() as messages:
        await deferToThread(
            lambda: socket.create_connection(
                ("127.0.0.1", port_of(server.listener)), PATIENCE
            ).close()
        )
        await until(lambda: server.site.value("connections_total") == 1, "the connection")
        await until(lambda: not server.site.value("connections_open"), "its end")
    assert not [said for said in messages if "refused" in said]
    assert server.factory.made == server.factory.lost == []


async def test_behind_a_proxy_the_certificate_is_the_proxys(server):
    """Only the proxy gets in; whom its header names is not whom the certificate names."""
    server.listen(front="haproxy:")
    header = b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n"
    await server.visit(server.authority.certify("proxy"), header + b"hello")
    await until(lambda: server.factory.lost, "its end")
    assert server.factory.made[0].source == "tls:192.0.2.7:1"
    assert certificate_of(server.factory.made[0].transport) is None
    await server.visit(None, header)
    await until(lambda: server.refused("certificate"), "a refusal")
    assert len(server.factory.made) == 1
