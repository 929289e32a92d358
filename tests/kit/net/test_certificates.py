"""A certificate is tried before its listener opens; a renewed one counts after a reload; whom it names."""

import datetime
import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from logsrv.kit.connections._tls import PeerCertificate, escaped_name
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net import _certificates as certificates
from logsrv.kit.net._certificates import (
    RenewableCertificate,
    ask_for_certificates,
    check_certificate,
    client_authorities,
)
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority, certificate_file
from tests.parts.listening import port_of, unverified
from tests.parts.reactor import logged, until

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


LOOK = certificates.LOOK_SECONDS
PLAIN = serialization.NoEncryption()


def endpoint(pem: Path, before: str = "") -> Any:
    return parse_endpoint(f"{before}ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}")


def seen(port: int, greeting: bytes = b"") -> bytes | None:
    """The certificate that a client is shown."""
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with unverified().wrap_socket(plain) as connection:
        connection.sendall(greeting)
        return connection.getpeercert(binary_form=True)


CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("privateKey", b"", "is empty"),
        ("certKey", b" \n", "is empty"),
        ("certKey", b"garbage", "has no -----BEGIN CERTIFICATE----- in it"),
        ("certKey", b"0\x82\x01\x0a\x02\x82\0\xff", "has no -----BEGIN CERTIFICATE-----"),
        ("certKey", b"-----BEGIN CERTIFICATE-----\nMII", "breaks off before -----END CERT"),
        ("certKey", CERTIFICATE % b"no base64\n", "BEGIN CERTIFICATE----- is damaged"),
        ("certKey", CERTIFICATE % b"QUJD\n", "BEGIN CERTIFICATE----- is damaged"),
        ("extraCertChain", CERTIFICATE % b"QUJD\n", "BEGIN CERTIFICATE----- is damaged"),
        ("privateKey", CERTIFICATE % b"QUJD\n", "has no -----BEGIN PRIVATE KEY-----"),
        ("dhParameters", b"\0", "has no -----BEGIN DH PARAMETERS-----"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words_with_the_file(name, data, why, tmp_path):
    pem, wrong = certificate_file(tmp_path / "pem"), tmp_path / "wrong"
    wrong.write_bytes(data)
    files = {"privateKey": pem, "certKey": pem, name: wrong}
    text = ":".join(f"{argument}={path}" for argument, path in files.items())
    with pytest.raises(ListenError) as caught:
        check_certificate(parse_endpoint(f"ssl:0:{text}"))
    assert f"{name} {wrong} cannot be used: " in str(caught.value)
    assert why in str(caught.value)


@pytest.mark.parametrize("before", ["", "haproxy:"])
def test_a_pipe_in_place_of_a_file_is_refused_at_once(before, tmp_path):
    """A plain open of it waits for whoever may write there, and all connections with it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ListenError, match=f"privateKey {tmp_path}/pipe cannot be used: is a pipe"):
        check_certificate(parse_endpoint(f"{before}ssl:0:privateKey={tmp_path}/pipe"))


def test_a_file_without_a_certificate_and_the_certificate_of_another_key(tmp_path):
    pem, other = certificate_file(tmp_path / "pem"), certificate_file(tmp_path / "other")
    with pytest.raises(ListenError, match="the certificate belongs to another key"):
        check_certificate(parse_endpoint(f"ssl:0:privateKey={pem}:certKey={other}"))
    pem.write_bytes(pem.read_bytes().partition(b"-----BEGIN CERT")[0])
    with pytest.raises(ListenError, match=f"privateKey {pem} cannot be used: has no -----BEGIN C"):
        check_certificate(parse_endpoint(f"ssl:0:privateKey={pem}"))


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_an_encrypted_key_is_said_to_be_one(form, tmp_path):
    pem = certificate_file(tmp_path / "pem")
    key = serialization.load_pem_private_key(pem.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    encrypted = tmp_path / "key"
    encrypted.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, secret))
    with pytest.raises(ListenError, match=f"{encrypted} cannot be used: is encrypted"):
        check_certificate(parse_endpoint(f"ssl:0:privateKey={encrypted}:certKey={pem}"))
    encrypted.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, PLAIN))
    check_certificate(parse_endpoint(f"ssl:0:privateKey={encrypted}:certKey={pem}"))


@pytest.mark.parametrize("before", ["", "haproxy:"])
async def test_new_peers_get_a_renewed_certificate(before, tmp_path, site):
    """New connections get the new one; one that cannot be used is refused and the old one stays."""
    pem = certificate_file(tmp_path / "pem")
    listener = site.start(str(endpoint(pem, before)))
    greeting = b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" if before else b""
    port = port_of(listener)
    first = await deferToThread(seen, port, greeting)
    shutil.copy(certificate_file(tmp_path / "next"), pem)
    assert await deferToThread(seen, port, greeting) == first
    listener.check_and_reload()
    listener.apply(GuardPolicy())
    second = await deferToThread(seen, port, greeting)
    assert second not in (first, None)
    pem.write_text("no key")
    with pytest.raises(ListenError, match="cannot be used"):
        listener.check_and_reload()
    assert await deferToThread(seen, port, greeting) == second


async def test_a_saved_certificate_is_used_without_a_reload(site, tmp_path, monkeypatch):
    """Without anybody saying so; and at the stop nothing of the watch is left behind."""
    monkeypatch.setattr(certificates, "LOOK_SECONDS", 0.01)
    pem = certificate_file(tmp_path / "pem")
    listener = site.start(str(endpoint(pem)))
    port = port_of(listener)
    first = await deferToThread(seen, port)
    with logged() as messages:
        certificate_file(tmp_path / "next").replace(pem)
        await until(lambda: messages, "the new one")
    assert messages == ["test uses the saved certificate for new connections from now on"]
    assert await deferToThread(seen, port) not in (first, None)


class Counted(RenewableCertificate):
    """Counts how often what was loaded is taken."""

    taken = -1

    def use_loaded(self) -> None:
        super().use_loaded()
        self.taken += 1


class Watched:
    """A key and a certificate in two files, which are watched."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.saved = 0
        self.key, self.certificate = directory / "key.pem", directory / "cert.pem"
        self.put("key", "cert")
        self.endpoint = parse_endpoint(f"ssl:0:privateKey={self.key}:certKey={self.certificate}")
        self.clock = Clock()
        self.watch = Counted(self.endpoint, "test", self.clock)
        self.watch.watch_files()

    def put(self, *which: str) -> None:
        """Save the key, the certificate or both of a new pair."""
        pair = certificate_file(self.directory / "pair").read_bytes()
        key, begin, certificate = pair.partition(b"-----BEGIN CERT")
        self.saved += 1
        for name, path, data in (
            ("key", self.key, key),
            ("cert", self.certificate, begin + certificate),
        ):
            if name in which:
                path.write_bytes(data)
                # The system's clock of files may tick every 4 ms only, and this takes less.
                os.utime(path, (self.saved, self.saved))

    @property
    def taken(self) -> int:
        return self.watch.taken

    def pass_looks(self, number: int) -> list[str]:
        with logged() as messages:
            self.clock.pump([LOOK] * number)
        return messages


def test_half_of_a_pair_is_not_taken_and_that_is_said_once(tmp_path):
    watched = Watched(tmp_path)
    assert watched.pass_looks(5) == []
    watched.put("key")
    [said] = watched.pass_looks(5)
    assert said.startswith("test keeps its old certificate; the saved one cannot be used: ")
    assert "belongs to another key" in said and watched.taken == 0
    watched.put("key", "cert")
    [said] = watched.pass_looks(5)
    assert "uses the saved certificate" in said
    assert watched.taken == 1


def test_files_that_are_being_saved_are_waited_for(tmp_path):
    """Not even a complaint comes of a pair that is whole by the next look but one."""
    watched = Watched(tmp_path)
    watched.put("key")
    assert watched.pass_looks(1) == []
    watched.put("key", "cert")
    assert watched.pass_looks(1) == []
    assert len(watched.pass_looks(1)) == watched.taken == 1


def test_a_certificate_that_was_loaded_for_a_refused_reload_is_taken_by_the_watch(tmp_path):
    """A reload reads it, and another option refuses the reload: only the watch can take it now."""
    watched = Watched(tmp_path)
    watched.put("key", "cert")
    watched.watch.load_files()
    [said] = watched.pass_looks(5)
    assert "uses the saved certificate" in said and watched.taken == 1


def test_a_pair_that_is_saved_while_the_one_before_is_read_is_taken_at_a_later_look(
    tmp_path, monkeypatch
):
    """A script saves three pairs one behind the other: the last one is used in the end."""
    watched = Watched(tmp_path)
    real = certificates.client_authorities
    more = 2

    def saved_meanwhile(endpoint: Endpoint) -> Any:
        nonlocal more
        if watched.saved > 1 and more:
            more -= 1
            watched.put("key", "cert")
        return real(endpoint)

    # It is called before the pair is read, and behind that.
    monkeypatch.setattr(certificates, "client_authorities", saved_meanwhile)
    watched.put("key", "cert")
    watched.pass_looks(10)
    used = watched.watch.serverConnectionForTLS(None).get_certificate()
    assert used is not None
    pem = crypto.dump_certificate(crypto.FILETYPE_PEM, used)
    assert not more and pem == watched.certificate.read_bytes()


def test_a_certificate_file_may_be_missing_for_a_while(tmp_path):
    watched = Watched(tmp_path)
    kept = watched.key.rename(tmp_path / "kept")
    [said] = watched.pass_looks(5)
    assert "no such file" in said
    kept.rename(watched.key)
    assert watched.pass_looks(5) == []


def test_authorities_are_those_of_the_file_and_of_the_directory(tmp_path):
    (tmp_path / "cas").mkdir()
    pem = certificate_file(tmp_path / "pem")
    in_directory = Authority(tmp_path / "cas", "in directory").cafile
    (tmp_path / "cas" / "README").write_text("no certificate")
    single = Authority(tmp_path, "single").cafile
    text = f"ssl:0:privateKey={pem}:clientca={single}:caCertsDir={in_directory.parent}"
    found = client_authorities(parse_endpoint(text))
    assert [each.to_cryptography().subject.rfc4514_string() for each in found] == [
        "CN=single",
        "CN=in directory",
    ]
    in_directory.write_text("rubbish")
    with pytest.raises(ListenError, match=rf"the authority {in_directory} cannot be used: has no"):
        check_certificate(parse_endpoint(text))
    in_directory.unlink()
    with pytest.raises(ListenError, match=r"there is no authority in .*/cas: no file whose name"):
        client_authorities(
            parse_endpoint(f"ssl:0:privateKey={pem}:caCertsDir={in_directory.parent}")
        )


URI = x509.UniformResourceIdentifier("spiffe://example/shop")
EMAIL = x509.RFC822Name("shop@example")
DNS = x509.DNSName("shop.example")


def certificate(directory: Path, names: list[x509.GeneralName], name: str = "the shop") -> str:
    pem = Authority(directory).certify(name, names=names).read_bytes()
    return str(PeerCertificate.of(x509.load_pem_x509_certificate(pem)))


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ([EMAIL, URI, DNS, x509.DNSName("second")], "dns=shop.example"),
        ([EMAIL, URI], "uri=spiffe://example/shop"),
        ([EMAIL], "email=shop@example"),
        ([x509.DNSName("")], r"cn=the\x20shop"),
        ([], r"cn=the\x20shop"),
    ],
)
def test_the_most_telling_name_is_taken(tmp_path, names, name):
    assert certificate(tmp_path, names) == name


def test_a_very_long_name_is_a_digest(tmp_path):
    """It would stand before each line."""
    named = certificate(tmp_path, [x509.DNSName("x" * 129)])
    assert named.startswith("sha256=") and len(named) == len("sha256=") + 64


def test_a_peer_certificate_has_subject_issuer_serial_and_expiry(tmp_path):
    pem = Authority(tmp_path).certify("shop").read_bytes()
    found = PeerCertificate.of(x509.load_pem_x509_certificate(pem))
    assert (found.subject, found.issuer) == ("CN=shop", "CN=test authority")
    assert found.serial == found.x509.serial_number
    assert found.fingerprint == found.x509.fingerprint(SHA256()).hex()
    assert found.expires > datetime.datetime.now(datetime.UTC)


@given(st.text(max_size=50), st.text(max_size=50))
def test_names_are_words_and_no_two_are_alike(one, other):
    escaped = escaped_name(one)
    assert escaped.isascii() and escaped.isprintable()
    assert not {" ", ","} & set(escaped)
    assert (escaped == escaped_name(other)) == (one == other)


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


@pytest.mark.parametrize(
    ("shown", "required", "let_in"),
    [
        ("ours", True, True),
        ("strangers", True, False),
        ("none", True, False),
        ("ours", False, True),
        ("strangers", False, False),
        ("none", False, True),
    ],
)
def test_clients_are_let_in_by_their_certificate(shown, required, let_in, tmp_path):
    pem = certificate_file(tmp_path / "pem")
    server, client = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    server.use_certificate_file(str(pem))
    server.use_privatekey_file(str(pem))
    ours = Authority(tmp_path)
    found = client_authorities(parse_endpoint(f"ssl:0:privateKey={pem}:clientca={ours.cafile}"))
    ask_for_certificates(server, found, required=required)
    if shown != "none":
        (tmp_path / "other").mkdir()
        signer = ours if shown == "ours" else Authority(tmp_path / "other")
        certificate = str(signer.certify("client"))
        client.use_certificate_file(certificate)
        client.use_privatekey_file(certificate)
    assert handshake(server, client) is let_in


def handshake(server: SSL.Context, client: SSL.Context) -> bool:
    """Return whether a server lets a client in; both are in the memory of this process."""
    listening, connecting = (SSL.Connection(context, None) for context in (server, client))
    listening.set_accept_state()
    connecting.set_connect_state()
    listening.set_app_data(SimpleNamespace(faults=None))
    waits = [connecting, listening]
    while waits:
        one = waits.pop(0)
        try:
            one.do_handshake()
        except SSL.WantReadError:
            waits.append(one)
        except SSL.Error:
            return False
        other = listening if one is connecting else connecting
        with suppress(SSL.WantReadError):
            other.bio_write(one.bio_read(1 << 16))
    return True
