"""A certificate is tried before its listener opens, and a renewed one counts from the reload on."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from twisted.internet.threads import deferToThread

from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.certificates import check_certificate
from logsrv.kit.net.endpoints import parse_endpoint
from logsrv.kit.net.guard import GuardPolicy
from logsrv.kit.net.listen import listener_for
from logsrv.kit.observe.metrics import Metrics
from tests.gopher.servers import certificate_file
from tests.kit.net.network import REACTOR, NotingFactory, in_reactor

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


PLAIN = serialization.NoEncryption()


def endpoint(pem: Path, before: str = "") -> Any:
    return parse_endpoint(f"{before}ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}")


def seen(port: int, greeting: bytes = b"") -> bytes | None:
    """The certificate that a client is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), 60)
    with context.wrap_socket(plain) as connection:
        connection.sendall(greeting)
        return connection.getpeercert(binary_form=True)


def test_a_pair_that_is_none_is_said_before_anything_opens(tmp_path: Path) -> None:
    pem = certificate_file(tmp_path / "pem")
    check_certificate(endpoint(pem))
    check_certificate(parse_endpoint("tcp:1"))
    pem.write_text("no key")
    with pytest.raises(ListenError, match="cannot be used"):
        check_certificate(endpoint(pem))
    with pytest.raises(ListenError, match="cannot be used"):
        check_certificate(endpoint(pem, "haproxy:"))


@pytest.mark.parametrize("before", ["", "haproxy:"])
@pytest.mark.parametrize("name", ["privateKey", "certKey", "extraCertChain", "dhParameters"])
def test_a_pipe_in_place_of_a_file_is_refused_at_once(
    name: str, before: str, tmp_path: Path
) -> None:
    """A plain open of it waits for whoever may write there, and all connections with it."""
    pem, pipe = certificate_file(tmp_path / "pem"), tmp_path / "pipe"
    os.mkfifo(pipe)
    files = {"privateKey": pem, "certKey": pem, name: pipe}
    text = ":".join(f"{argument}={path}" for argument, path in files.items())
    with pytest.raises(ListenError, match=f"{name} {pipe} cannot be used: is a pipe") as caught:
        check_certificate(parse_endpoint(f"{before}ssl:0:{text}"))
    assert "\n" not in str(caught.value)


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
def test_what_is_wrong_is_said_in_plain_words_with_the_file(
    name: str, data: bytes, why: str, tmp_path: Path
) -> None:
    pem, wrong = certificate_file(tmp_path / "pem"), tmp_path / "wrong"
    wrong.write_bytes(data)
    files = {"privateKey": pem, "certKey": pem, name: wrong}
    text = ":".join(f"{argument}={path}" for argument, path in files.items())
    with pytest.raises(ListenError) as caught:
        check_certificate(parse_endpoint(f"ssl:0:{text}"))
    assert f"{name} {wrong} cannot be used: " in str(caught.value)
    assert why in str(caught.value)


def test_a_file_without_a_certificate_and_the_certificate_of_another_key(tmp_path: Path) -> None:
    pem, other = certificate_file(tmp_path / "pem"), certificate_file(tmp_path / "other")
    with pytest.raises(ListenError, match="the certificate belongs to another key"):
        check_certificate(parse_endpoint(f"ssl:0:privateKey={pem}:certKey={other}"))
    pem.write_bytes(pem.read_bytes().partition(b"-----BEGIN CERT")[0])
    with pytest.raises(ListenError, match=f"privateKey {pem} cannot be used: has no -----BEGIN C"):
        check_certificate(parse_endpoint(f"ssl:0:privateKey={pem}"))


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_an_encrypted_key_is_said_to_be_one(
    form: serialization.PrivateFormat, tmp_path: Path
) -> None:
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
@in_reactor
async def test_renewed(before: str, tmp_path: Path) -> None:
    """New connections get the new one; one that cannot be used is refused and the old one stays."""
    pem = certificate_file(tmp_path / "pem")
    listener: Any = listener_for(
        endpoint(pem, before), factory=NotingFactory(), receiver=None, label="test",  # type: ignore[arg-type]
        policy=GuardPolicy(), reactor=REACTOR, metrics=Metrics(),
    )  # fmt: skip
    listener.bind()
    listener.open()
    greeting = b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" if before else b""
    try:
        port = int(listener.address.rpartition(":")[2])
        first = await deferToThread(seen, port, greeting)
        shutil.copy(certificate_file(tmp_path / "next"), pem)
        assert await deferToThread(seen, port, greeting) == first
        listener.check()
        listener.apply(GuardPolicy())
        second = await deferToThread(seen, port, greeting)
        assert second not in (first, None)
        pem.write_text("no key")
        with pytest.raises(ListenError, match="cannot be used"):
            listener.check()
        assert await deferToThread(seen, port, greeting) == second
    finally:
        await listener.drain(0)
