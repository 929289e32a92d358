"""Sentences for handshakes that fail; what real clients bring about is in test_handshake."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from OpenSSL import SSL

from logsrv.kit.net.guard.refusals import tls_refusal
from tests.cli.certificates import Authority


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
def test_openssls_reasons_in_plain_words(said: str, reason: str, sentence: str) -> None:
    refusal = tls_refusal(SSL.Error([("SSL routines", "", said)]))
    assert (refusal.reason, refusal.sentence) == (reason, sentence)


@pytest.mark.parametrize("error", [SSL.Error(), SSL.SysCallError(-1, "x"), ValueError("x")])
def test_an_error_without_a_reason(error: Exception) -> None:
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
def test_what_is_wrong_with_a_certificate(tmp_path: Path, fault: int, sentence: str) -> None:
    shown = x509.load_pem_x509_certificate(Authority(tmp_path).certify("shop").read_bytes())
    assert sentence in tls_refusal(SSL.Error([]), [(fault, shown)]).sentence
