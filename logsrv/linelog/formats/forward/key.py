"""The handshake of the Forward protocol: only a client that proves the shared key may send (sans-IO).

server: ["HELO", {"nonce": …}]
client: ["PING", its name, salt, sha512(salt, its name, nonce, key), user, password]
server: ["PONG", true or false, reason, our name, sha512(salt, our name, nonce, key)]
"""

from __future__ import annotations

import hashlib
import hmac

import msgpack

# Our name in the PONG. Fluentd refuses a server with Fluentd's own host name, and no host is called this.
OUR_NAME = "logsrv"
# Longest PING in bytes: a client that has not proved the key yet may send no more.
LONGEST_PING = 4096


def helo_message(nonce: bytes) -> bytes:
    """Return the server's HELO. nonce: fresh random bytes."""
    return bytes(msgpack.packb(["HELO", {"nonce": nonce, "auth": b"", "keepalive": True}]))


def answer_ping(ping: bytes, key: str, nonce: bytes) -> tuple[bytes, str]:
    """Return the answer to a client's PING, and the reason for refusing the client, "" if it may send.

    ping: the client's first MessagePack value. If that is no valid PING, the answer is b"".
    """
    try:
        parts = msgpack.unpackb(ping, raw=True)
    except (ValueError, TypeError):
        parts = None
    if not isinstance(parts, list) or len(parts) != 6 or parts[0] != b"PING":
        return b"", "it sent something before it had shown the shared key"
    name, salt, digest = parts[1:4]
    if not all(isinstance(part, bytes) for part in (name, salt, digest)):
        return b"", "its PING is damaged"
    if not hmac.compare_digest(_key_digest(salt, name, nonce, key), digest.lower()):
        reason = "shared key mismatch"
        return msgpack.packb(["PONG", False, reason, "", ""]), "it does not have the shared key"
    ours = _key_digest(salt, OUR_NAME.encode(), nonce, key).decode()
    return msgpack.packb(["PONG", True, "", OUR_NAME, ours]), ""


def _key_digest(salt: bytes, name: bytes, nonce: bytes, key: str) -> bytes:
    return hashlib.sha512(b"".join((salt, name, nonce, key.encode()))).hexdigest().encode()
