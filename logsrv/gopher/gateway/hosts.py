"""Strictness: what every answer tells the browser, and which requests are for us. Sans-IO."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address

from logsrv.gopher.errors import BadURL
from logsrv.gopher.wire.url import canonical_host

POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# What servers sent is handed on under this one: it may do nothing at all, wherever it is opened.
SANDBOX_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_HOST_HEADER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::\d{1,5})?")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def name_in(header: bytes) -> str | None:
    """The host of a Host header (RFC 9110, section 7.2), as `canonical_host` writes it."""
    found = _HOST_HEADER.fullmatch(header.decode("latin-1").strip())
    if found is None:
        return None
    try:
        return canonical_host(found[1].strip("[]")).rstrip(".")
    except BadURL:
        return None


def is_loopback(address: str | None) -> bool:
    """Return true if only this machine can connect to `address`."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    # So a socket for both families names those of IPv4.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def is_for_us(header: bytes | None, names: Collection[str], local: bool) -> bool:
    """Return true if a request with this Host header may be answered.

    A page somewhere else can give its own name our address, and would then be let in by the browser
    as the same site ("DNS rebinding"). What it cannot do is change the Host header. So on loopback
    (`local`), where such a page has no business, only the names of loopback and `names` are
    answered; elsewhere `names`, if there are any.
    """
    if not local and not names:
        return True
    name = name_in(header or b"")
    return name is not None and (name in names or name in LOOPBACK_NAMES)
