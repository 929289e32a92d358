"""Whom a certificate names: the one name, of many, that stands before a peer's lines."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.net.twisted.peer_certificate import PeerCertificate, escaped_name
from tests.parts.certificates import Authority

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
