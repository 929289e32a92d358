"""Endpoints for HTTP: their kind, the rules of their guard, and whether another machine can reach one."""

from __future__ import annotations

import attrs

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.parse import located_endpoint, parse_endpoint
from logsrv.kit.options.kinds import Kind, endpoint_kind
from logsrv.kit.web.hosts import is_loopback


def web_endpoint_kind(port: int, why: str = "browsers connect") -> Kind[Endpoint]:
    """Return the kind of endpoints that take connections.

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
    """Return true for an endpoint that, by its text, no other machine can reach.

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
    """Return the rules of the guard for web listeners. most: the most connections of each.

    The networks that may connect are the same for all listeners; other limits in `settings` are for the
    service's own peers. There is no idle time-out: it would end requests that wait, and web connections
    have their own time limits.
    """
    return GuardPolicy(
        allow=settings.allow,
        deny=settings.deny,
        max_connections=most,
        log_connections=settings.log_connections,
        oversees=True,
    )
