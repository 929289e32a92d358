"""Whom a client trusts, and what it shows. (Real handshakes: test_connect.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.net.tls.client_tls import TLSOptions, tls_context, tls_creator
from tests.cli.certificates import Authority


def test_nothing_given() -> None:
    """Then the options are no reason to refuse an endpoint without TLS."""
    assert not TLSOptions().given
    assert TLSOptions(insecure=True).given


def test_a_file_of_several_authorities(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    one = Authority(tmp_path).cafile.read_bytes()
    bundle.write_bytes(b"# one\n" + one + b"# two\n" + Authority(tmp_path).cafile.read_bytes())
    tls_creator(TLSOptions(cafile=bundle), "localhost")
    bundle.write_bytes(one + one[:200] + b"\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigurationError, match="not a certificate in PEM format"):
        tls_creator(TLSOptions(cafile=bundle), "localhost")


def test_certificate_and_key_in_two_files(tmp_path: Path) -> None:
    both = Authority(tmp_path).certify("me.example").read_bytes()
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    at = both.index(b"-----BEGIN PRIVATE KEY")
    certificate.write_bytes(both[:at])
    key.write_bytes(both[at:])
    tls_creator(TLSOptions(certificate=certificate, key=key), "localhost")
    with pytest.raises(ConfigurationError, match="a key of its own: --key FILE"):
        tls_creator(TLSOptions(certificate=certificate), "localhost")


def test_a_name_that_no_certificate_can_have() -> None:
    with pytest.raises(ConfigurationError, match="is no name that a certificate can have"):
        tls_creator(TLSOptions(server_name="\ud800.example"), "localhost")
    with pytest.raises(ConfigurationError, match="is no name that a certificate can have"):
        tls_creator(TLSOptions(server_name="\ud800.example", insecure=True), "localhost")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.pem: No such file"):
        tls_context(TLSOptions(cafile=tmp_path / "absent.pem"))
