"""Access to a web server: its endpoint and guard; whether a request is meant for this server, and who sent
it.

A page of another site may not ask. The security headers of every answer are here too. Checks of requests
do no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import MappingProxyType

import attrs

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.parse import located_endpoint, parse_endpoint
from logsrv.kit.options.kinds import Kind, endpoint_kind

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SANDBOX_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"
"""The Content-Security-Policy for content that a browser must show without running or loading anything."""

_HOST_HEADER = re.compile(
    r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]{1,253}))(?::\d{1,5})?", re.ASCII
)
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""The host names in a URL that mean this machine."""


@attrs.frozen
class HttpRefusal:
    """The refusal of a request: its HTTP status, a sentence, and further headers of the answer."""

    status: int
    sentence: str
    headers: Mapping[str, str] = MappingProxyType({})


def http_refusal(
    method: bytes, version: bytes, hosts: Sequence[bytes], allow: str = "GET, HEAD"
) -> HttpRefusal | None:
    """Return the answer with which every web server of logsrv refuses a request; None for other requests.

    hosts: its Host headers; HTTP/1.1 needs one (RFC 9112, section 3.2). allow: the methods of the server.
    """
    if len(hosts) > 1:
        return HttpRefusal(400, "the request has more than one Host header")
    if not hosts and version == b"HTTP/1.1":
        return HttpRefusal(400, "HTTP/1.1 needs one Host header")
    if method == b"CONNECT":
        return HttpRefusal(405, "this is no proxy", {"Allow": allow})
    return None


def host_in_header(header: bytes) -> str | None:
    """Return the host of a Host header (RFC 9110, section 7.2): lower case, without brackets and port.

    None if the header is not valid. Browsers send a name outside ASCII as A-labels.
    """
    found = _HOST_HEADER.fullmatch(header.decode("latin-1").strip())
    if found is None:
        return None
    if found[1] is None:
        return found[2].lower().rstrip(".") or None
    try:
        return IPv6Address(found[1]).compressed
    except ValueError:
        return None


def is_loopback(address: str | None) -> bool:
    """Return true if only this machine can connect to `address`."""
    found = _parse_address(address or "")
    return found is not None and found.is_loopback


def is_allowed_host(header: bytes | None, names: Collection[str], local: bool) -> bool:
    """Return true if a request with this Host header may be answered.

    A foreign page can give its own host name our address; the browser then treats our server as the same
    site ("DNS rebinding"). But the page cannot change the Host header. So on loopback (`local`), or if
    there are `names`, only requests for the names of loopback and for `names` are answered; else all are.
    """
    if not local and not names:
        return True
    name = host_in_header(header or b"")
    return name is not None and (name in names or name in LOOPBACK_NAMES)


def client_key(host: str | None) -> str:
    """Return the name of the client for an address; all addresses of an IPv6 network of 64 bits are one
    client.

    All clients without an address (UNIX sockets) are one, `local`.
    """
    if host is None:
        return "local"
    address = _parse_address(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return host if address is None else str(address)


def _parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return `host` as an address; None for a name."""
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    # A socket for both families shows an IPv4 address as an IPv6 address.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def foreign_page_refusal(
    header: Callable[[bytes], bytes | None], *, link: bool = False
) -> str | None:
    """Return the sentence of a refusal if a page of another site sent a request, else None.

    header: returns a header of the request by its name. link: whether a request is accepted if somebody
    followed a link on such a page.
    """
    site = header(b"Sec-Fetch-Site")
    if site in (b"cross-site", b"same-site") and not (
        link and header(b"Sec-Fetch-Mode") == b"navigate"
    ):
        return "this request comes from a page of another site"
    origin = header(b"Origin")
    host = _without_usual_port(header(b"Host") or b"")
    if origin is not None and _without_usual_port(origin.partition(b"://")[2]) != host:
        return "the Origin of this request is another site"
    return None


def _without_usual_port(host: bytes) -> bytes:
    """Return the host and port of a header, without a usual port."""
    return host.lower().removesuffix(b":80").removesuffix(b":443")


def web_endpoint_kind(port: int, why: str = "browsers connect") -> Kind[Endpoint]:
    """Return the kind of option values for endpoints that take connections.

    port: the port of the examples in its errors. why: why it must take connections, for its errors.
    """
    example = f"tcp:{port}:interface=127.0.0.1"

    def parse(text: str) -> Endpoint:
        endpoint = parse_endpoint(text)
        if endpoint.kind != "stream":
            raise ValueError(
                f"{endpoint.scheme}: takes no connections, and {why}; take for instance {example}"
            )
        return endpoint

    return attrs.evolve(
        endpoint_kind(parse, locate=located_endpoint),
        accepted=f"an endpoint, such as {example} or unix:/run/web",
    )


def is_private(endpoint: Endpoint) -> bool:
    """Return true if the text of an endpoint shows that no other machine can reach it.

    Peers behind a proxy (`haproxy:`) come from anywhere, so it is not private.
    """
    if endpoint.proxied:
        return False
    if endpoint.scheme == "unix":
        return True
    if endpoint.scheme == "systemd":
        return endpoint.argument("domain") == "UNIX"
    # An endpoint type of another package may listen anywhere.
    if endpoint.scheme not in ("tcp", "tcp6", "ssl", "tls"):
        return False
    return is_loopback(endpoint.interface) or endpoint.interface.lower() == "localhost"


def web_guard_policy(settings: GuardPolicy, most: int) -> GuardPolicy:
    """Return the rules of the guard for web listeners. most: the most connections of each listener.

    The networks that may connect are the same for all listeners; other limits in `settings` are for the
    service's own peers. There is no idle time-out: it would end requests that wait, and web connections
    have their own time limits.
    """
    return GuardPolicy(
        allow=settings.allow,
        deny=settings.deny,
        max_connections=most,
        log_connections=settings.log_connections,
        keepalive=settings.keepalive,
        oversees=True,
    )
