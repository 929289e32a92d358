"""Logins to NATS servers: by a token, a password or a credentials file."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from logsrv.errors import ConfigurationError
from logsrv.kit.options.files import read_file, read_secret

_LARGEST = 64 << 10
_CREDENTIALS = re.compile(
    r"-----BEGIN NATS USER JWT-----\s+(?P<jwt>[\w.-]+)\s+-+END NATS USER JWT-+"
    r".*?-----BEGIN USER NKEY SEED-----\s+(?P<seed>[A-Z2-7]+)\s+-+END USER NKEY SEED-+",
    re.ASCII | re.DOTALL,
)
_PREFIX, _SEED = 2, 32


def read_nats_login(file: Path | None) -> str | None:
    """Return the token or the credentials in a --ship-token-file. Raises ConfigurationError."""
    text = None if file is None else _read_if_credentials(f"--ship-token-file {file}", file)
    return read_secret("ship-token", None, file) if text is None else text


def read_nats_credentials(file: Path) -> str:
    """Return the text of a credentials file. Raises ConfigurationError."""
    text = _read_if_credentials(str(file), file)
    if text is None:
        raise ConfigurationError(f"{file} has no credentials of NATS in it")
    return text


def _read_if_credentials(named: str, file: Path) -> str | None:
    """Return the text of a file with credentials; None for any other file. Raises ConfigurationError."""
    try:
        text = read_file(file, _LARGEST).decode("ascii", "replace")
    except ValueError as error:
        raise ConfigurationError(f"{named}: {error}") from None
    if "BEGIN NATS USER JWT" not in text:
        return None
    if _parse_credentials(text) is None:
        raise ConfigurationError(
            f"{named} begins like credentials of NATS, but has no key that can sign: make it again,"
            " as with `nsc generate creds`"
        )
    return text


def nats_login_options(secret: str | None, user: str | None) -> Mapping[str, Any]:
    """Return the arguments of nats-py's `connect` for a secret.

    user: the name of the user if the secret is a password, else None.
    """
    if secret is None:
        return {}
    if user is not None:
        return {"user": user, "password": secret}
    found = _parse_credentials(secret)
    if found is None:
        return {"token": secret}
    jwt, signer = found
    return {
        "user_jwt_cb": lambda: bytearray(jwt),
        "signature_cb": lambda nonce: base64.b64encode(signer.sign(nonce.encode())),
    }


def _parse_credentials(text: str) -> tuple[bytes, Ed25519PrivateKey] | None:
    """Return the JWT and the key in credentials; None if one is missing or damaged.

    The key is Base32 of a prefix, 32 bytes and a checksum.
    """
    found = _CREDENTIALS.search(text)
    if found is None:
        return None
    seed = found["seed"]
    try:
        raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
        if binascii.crc_hqx(raw[:-2], 0).to_bytes(2, "little") != raw[-2:]:
            return None
        key = Ed25519PrivateKey.from_private_bytes(raw[_PREFIX : _PREFIX + _SEED])
    except ValueError:
        return None
    return found["jwt"].encode(), key
