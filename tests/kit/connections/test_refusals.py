"""Refusals: peers that are told of a limit; sentences for handshakes that fail.

What real clients bring about is in test_handshake.
"""

import socket

import pytest
from cryptography import x509
from OpenSSL import SSL
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource

from logsrv.kit import FrameProtocol, LineProtocol
from logsrv.kit.connections._refusals import tls_refusal
from logsrv.kit.testing import MemoryService
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.reactor import until

pytest_plugins = ["logsrv.kit.testing.fixtures"]


def heard(port: int, say: bytes = b"") -> bytes:
    """What one hears who connects, says something, and listens to the end."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        received = b""
        try:
            client.sendall(say)
            while data := client.recv(1000):
                received += data
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize("say", [b"", b"GET / HTTP/1.0\r\n\r\n"])
async def test_who_is_refused_for_a_limit_is_told_if_wanted(serving, say):
    """In one line, and closed at once; not one whose network may not connect."""
    limits = ("--max-connections-per-peer", "1", "--tell-refused")
    running = serving(LineProtocol, *limits)
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE):
        await until(lambda: len(running.service.peers) == 1, "the first one")
        told = await deferToThread(heard, running.port, say)
    assert told == b"refused: you have as many connections as one peer may\r\n"
    assert running.service.metrics.value("connections_refused_total") == 1
    running = serving(LineProtocol, "--deny", "127.0.0.1", "--tell-refused")
    assert await deferToThread(heard, running.port) == b""


async def test_who_comes_through_a_proxy_is_told_too(serving):
    running = serving(
        LineProtocol, "--listen", "haproxy:tcp:0:interface=127.0.0.1",
        "--max-connections-per-peer", "1", "--tell-refused",
    )  # fmt: skip
    header = b"PROXY TCP4 10.0.0.1 10.0.0.2 5000 80\r\n"
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as first:
        first.sendall(header)
        await until(lambda: len(running.service.peers) == 1, "the first one")
        told = await deferToThread(heard, running.port, header)
    assert told == b"refused: you have as many connections as one peer may\r\n"


@pytest.mark.parametrize("protocol", [FrameProtocol, Resource])
def test_who_speaks_no_text_is_told_nothing(protocol):
    service = MemoryService(protocol, "--max-connections", "1", "--tell-refused")
    assert not service.connect().closed
    refused = service.connect()
    assert (refused.received(), refused.closed) == (b"", True)


@pytest.mark.parametrize(
    ("said", "reason", "sentence"),
    [
        ("peer did not return a certificate", "certificate", "it shows no certificate"),
        ("tlsv1 alert unknown ca", "tls", "it does not trust our certificate"),
        ("ssl/tls alert bad certificate", "tls", "it does not trust our certificate"),
        ("unsupported protocol", "tls", "it knows only versions of TLS that are too old"),
        ("wrong version number", "tls", "it does not speak TLS"),
        ("never heard of", "tls", "the TLS handshake failed (never heard of)"),
    ],
)
def test_reasons_of_openssl_become_plain_sentences(said, reason, sentence):
    refusal = tls_refusal(SSL.Error([("SSL routines", "", said)]))
    assert (refusal.reason, refusal.sentence) == (reason, sentence)


@pytest.mark.parametrize("error", [SSL.Error(), SSL.SysCallError(-1, "x"), ValueError("x")])
def test_a_tls_error_without_a_reason_is_still_a_sentence(error):
    assert tls_refusal(error).sentence == "the TLS handshake failed (no reason given)"


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (9, "its certificate (dns=shop) is not valid before 20"),
        (10, "its certificate (dns=shop) expired on 20"),
        (20, r"is signed by an authority that is not trusted here (CN=test\x20authority)"),
        (26, "is not made for clients"),
        (99, "cannot be verified (OpenSSL's error 99)"),
    ],
)
def test_each_certificate_fault_has_a_sentence(tmp_path, fault, sentence):
    shown = x509.load_pem_x509_certificate(Authority(tmp_path).certify("shop").read_bytes())
    assert sentence in tls_refusal(SSL.Error([]), [(fault, shown)]).sentence
