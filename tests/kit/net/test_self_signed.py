"""A pair to try TLS with: it serves, strict clients take it, nobody else reads its key; TLS of clients."""

import os
import ssl
import subprocess
import sys
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import TLSOptions, tls_connection_creator, tls_context
from logsrv.kit.testing import self_signed_certificate
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority


def test_strict_clients_accept_the_self_signed_certificate(tmp_path):
    """As Python's are from 3.13 on."""
    certificate, key = self_signed_certificate(tmp_path / "tls")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    asking = ssl.create_default_context(cafile=certificate)
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1", "::1"):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = serving.wrap_bio(to_server, to_client, server_side=True)
        client = asking.wrap_bio(to_client, to_server, server_hostname=name)
        for side in (client, server, client):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
        server.do_handshake()
        assert client.getpeercert()


def test_the_pair_is_for_names_and_for_clients_too(tmp_path):
    pair = self_signed_certificate(tmp_path / "shop", "shop.example", "10.0.0.7")
    assert [path.name for path in pair] == ["cert.pem", "key.pem"]
    found = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("10.0.0.7")]
    assert found.subject.rfc4514_string() == "CN=shop.example"
    uses = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {*uses} == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_a_name_outside_ascii_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="A-label"):
        self_signed_certificate(tmp_path, "b\xfccher.example")
    assert not [*tmp_path.iterdir()]


def test_only_the_owner_may_read_the_key(tmp_path):
    before = os.umask(0)
    try:
        self_signed_certificate(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cert.pem").stat().st_mode & 0o777 == 0o644


def test_existing_key_files_are_not_overwritten(tmp_path):
    (tmp_path / "key.pem").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"key.pem is there; remove it first"):
        self_signed_certificate(tmp_path)
    assert (tmp_path / "key.pem").read_text() == "mine"
    with pytest.raises(ConfigurationError, match="Not a directory"):
        self_signed_certificate(tmp_path / "key.pem" / "tls")


@pytest.mark.slow
def test_self_signed_can_be_run_as_a_command(tmp_path):
    command = [sys.executable, "-m", "logsrv.kit.net.self_signed", str(tmp_path / "tls")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a key and a certificate for localhost, for 365 days" in done.stdout
    again = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)


def test_a_ca_file_may_hold_several_authorities(tmp_path):
    bundle = tmp_path / "bundle.pem"
    one = Authority(tmp_path).cafile.read_bytes()
    bundle.write_bytes(b"# one\n" + one + b"# two\n" + Authority(tmp_path).cafile.read_bytes())
    tls_connection_creator(TLSOptions(cafile=bundle), "localhost")
    bundle.write_bytes(one + one[:200] + b"\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigurationError, match="not a certificate in PEM format"):
        tls_connection_creator(TLSOptions(cafile=bundle), "localhost")


def test_a_client_certificate_and_its_key_may_be_two_files(tmp_path):
    both = Authority(tmp_path).certify("me.example").read_bytes()
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    at = both.index(b"-----BEGIN PRIVATE KEY")
    certificate.write_bytes(both[:at])
    key.write_bytes(both[at:])
    tls_connection_creator(TLSOptions(certificate=certificate, key=key), "localhost")
    with pytest.raises(ConfigurationError, match="a file of its own"):
        tls_connection_creator(TLSOptions(certificate=certificate), "localhost")


def test_a_host_that_no_certificate_can_name_is_refused():
    with pytest.raises(ConfigurationError, match="is no name that a certificate can have"):
        tls_connection_creator(TLSOptions(server_name="\ud800.example"), "localhost")
    with pytest.raises(ConfigurationError, match="is no name that a certificate can have"):
        tls_connection_creator(TLSOptions(server_name="\ud800.example"), "localhost")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.pem: No such file"):
        tls_context(TLSOptions(cafile=tmp_path / "absent.pem"))
