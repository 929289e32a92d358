"""Endpoints by who connects: browsers and others that speak HTTP, by which rules; nobody from another
machine.
"""

from __future__ import annotations

import attrs

from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.options.kinds import Kind, endpoint_kind
from logsrv.kit.web.hosts import is_loopback


def web_endpoint(port: int, why: str = "browsers connect") -> Kind[Endpoint]:
    """Return the kind of endpoints that take connections, and `why` they must, for its errors.

    port: that of the examples in them.
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
        endpoint_kind(parse, locate=Endpoint.located),
        accepted=f"an endpoint, such as {example} or unix:/run/web",
    )


def is_private(endpoint: Endpoint) -> bool:
    """Return true for an endpoint that nobody reaches from another machine, as far as its text tells.

    Those behind a proxy (`haproxy:`) come from anywhere.
    """
    if endpoint.proxied:
        return False
    if endpoint.scheme == "unix":
        return True
    if endpoint.scheme == "systemd":
        return endpoint.argument("domain") == "UNIX"
    # Of endpoints of other packages nobody knows.
    if endpoint.scheme not in ("tcp", "tcp6", "ssl", "tls"):
        return False
    return is_loopback(endpoint.interface) or endpoint.interface.lower() == "localhost"


def web_rules(settings: GuardPolicy, most: int) -> GuardPolicy:
    """Return the rules for web listeners, of at most so many connections each.

    Who may connect is said once for all listeners; the numbers are for peers of the service itself.
    An idle time-out would end what waits, and web connections have time limits of their own.
    """
    return GuardPolicy(
        allow=settings.allow,
        deny=settings.deny,
        max_connections=most,
        log_connections=settings.log_connections,
        oversees=True,
    )
