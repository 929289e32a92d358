"""Syslog messages as counted frames for TCP and TLS (sans-IO)."""

from __future__ import annotations

from collections.abc import Sequence


def octet_counted_frames(messages: Sequence[bytes]) -> bytes:
    """Return messages as frames of RFC 6587 section 3.4.1: the number of bytes, a space, the message."""
    return b"".join([b"%d %b" % (len(message), message) for message in messages])
