"""Keys and credentials of NATS, as its own tools make them: an operator, accounts, a user."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OPERATOR, ACCOUNT, USER, _SEED = 14 << 3, 0, 20 << 3, 18 << 3
UNLIMITED = (
    "subs",
    "data",
    "payload",
    "imports",
    "exports",
    "conn",
    "leaf",
    "mem_storage",
    "disk_storage",
    "streams",
    "consumer",
)


class NatsKey:
    """A key of some kind. secret: 32 bytes."""

    def __init__(self, kind: int, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = _text(bytes([kind]) + raw)
        self.seed = _text(bytes([_SEED | kind >> 5, (kind & 31) << 3]) + secret)

    def jwt(self, subject: NatsKey, claims: dict[str, Any]) -> str:
        """A token about a key, signed with this one."""
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        body = {"jti": "x", "iat": 1, "iss": self.public, "name": "x", "sub": subject.public}
        text = b".".join(_part(one) for one in (head, {**body, "nats": {**claims, "version": 2}}))
        return (text + b"." + _base64(self._key.sign(text))).decode()


def _text(raw: bytes) -> str:
    check = binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(raw + check).decode().rstrip("=")


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _part(claims: dict[str, Any]) -> bytes:
    return _base64(json.dumps(claims).encode())


def credentials(jwt: str, user: NatsKey) -> str:
    """A credentials file."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )


def operator_mode() -> tuple[str, str]:
    """The configuration of a server that lets in by credentials only, and those of a user."""
    operator, system, account = (
        NatsKey(kind, bytes([number]) * 32)
        for number, kind in enumerate((OPERATOR, ACCOUNT, ACCOUNT))
    )
    user = NatsKey(USER, bytes([9]) * 32)
    limits = {**dict.fromkeys(UNLIMITED, -1), "wildcards": True}
    accounts = {
        one.public: operator.jwt(one, {"type": "account", "limits": given})
        for one, given in (
            (account, limits),
            (system, {**limits, "mem_storage": 0, "disk_storage": 0}),
        )
    }
    preload = "\n".join(f"  {name}: {jwt}" for name, jwt in accounts.items())
    config = (
        f"operator: {operator.jwt(operator, {'type': 'operator'})}\n"
        f"system_account: {system.public}\nresolver: MEMORY\nresolver_preload {{\n{preload}\n}}\n"
    )
    claims = {"type": "user", "subs": -1, "data": -1, "payload": -1}
    return config, credentials(account.jwt(user, claims), user)
