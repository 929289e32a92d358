"""A pair to try TLS with: it serves, strict clients take it, and nobody else can read its key."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.net.tls.self_signed import write_pair


def test_strict_clients_take_it(tmp_path: Path) -> None:
    """As Python's are from 3.13 on."""
    write_pair(tmp_path / "tls")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "tls" / "cert.pem", tmp_path / "tls" / "key.pem")
    asking = ssl.create_default_context(cafile=str(tmp_path / "tls" / "cert.pem"))
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


def test_the_key_is_its_owners(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_pair(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cert.pem").stat().st_mode & 0o777 == 0o644


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"key.pem is there; remove it first"):
        write_pair(tmp_path)
    assert (tmp_path / "key.pem").read_text() == "mine"
    with pytest.raises(ConfigurationError, match="Not a directory"):
        write_pair(tmp_path / "key.pem" / "tls")


def test_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "logsrv.kit.net.tls.self_signed", str(tmp_path / "tls")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a key and a certificate for localhost, for 365 days" in done.stdout
    again = subprocess.run(command, capture_output=True, text=True)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
