"""Tests for logging in at servers of NATS."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from logsrv.errors import ConfigurationError
from logsrv.linelog.ship.out.jetstream.login import (
    login_options,
    read_credentials,
    read_login,
)
from tests.linelog.ship.out.jetstream.nkeys import USER, NatsKey, credentials

SECRET = bytes(range(32))


def test_a_token_a_password_and_nothing() -> None:
    assert login_options("geheim", None) == {"token": "geheim"}
    assert login_options("geheim", "edge") == {"user": "edge", "password": "geheim"}
    assert login_options(None, None) == {}


def test_credentials_sign_what_the_server_says(tmp_path: Path) -> None:
    path = tmp_path / "edge.creds"
    path.write_text(credentials("eyJ0eXAi.eyJqdGki.c2ln", NatsKey(USER, SECRET)))
    text = read_login(path)
    options = login_options(text, None)
    assert options.keys() == {"user_jwt_cb", "signature_cb"}
    assert options["user_jwt_cb"]() == b"eyJ0eXAi.eyJqdGki.c2ln"
    signature = base64.b64decode(options["signature_cb"]("nonce"))
    Ed25519PrivateKey.from_private_bytes(SECRET).public_key().verify(signature, b"nonce")


def test_a_token_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("geheim\n")
    assert read_login(tmp_path / "token") == "geheim"
    assert read_login(None) is None


def test_files_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.creds"
    whole = credentials("a.b.c", NatsKey(USER, SECRET))
    damaged.write_text(whole.replace("SEED-----\nS", "SEED-----\nT"))
    with pytest.raises(ConfigurationError, match="no key in it that can sign"):
        read_login(damaged)
    with pytest.raises(ConfigurationError, match="has no credentials"):
        read_credentials(Path("/dev/null"))
    with pytest.raises(ConfigurationError, match="absent"):
        read_login(tmp_path / "absent")
