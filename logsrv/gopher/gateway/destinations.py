"""Destinations that the gateway may connect to: hosts, ports, addresses. Sans-IO.

A gateway makes requests for strangers from inside the operator's network. So it checks the name before the
lookup, and the address just before it connects (`allow` of the client). Addresses: the special-purpose
registries of IANA (RFC 6890 and later).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import attrs

from logsrv.gopher.wire.errors import BadURL, GopherError
from logsrv.gopher.wire.url import GopherURL, canonical_host
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG, Kind

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
# IANA assigns public IPv6 addresses only in this network (IPv6 Global Unicast Address Assignments).
_GLOBAL_V6 = IPv6Network("2000::/3")
# Parts of this network that are not public: Teredo, ORCHID and others, documentation, and 6to4, whose
# addresses contain an IPv4 address.
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# Networks without IPv4 reach all IPv4 addresses through this prefix (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
# Names that mean something only within one network: RFC 6761, 6762, 8375, and `internal`, which ICANN
# reserved in 2024.
_OF_ONE_NETWORK = ("localhost", "local", "internal", "arpa", "lan")


class DestinationNotAllowed(GopherError, code="not-allowed"):
    """The gateway must not connect to this host, port or address."""


def _parse_host(text: str) -> str:
    try:
        return canonical_host(text.removeprefix("[").removesuffix("]")).rstrip(".")
    except BadURL as error:
        raise ValueError(error.reason) from None


def _parse_host_pattern(text: str) -> str:
    name = text.removeprefix("*.")
    return text.removesuffix(name) + _parse_host(name)


def _matches(host: str, pattern: str) -> bool:
    host = host.rstrip(".")
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


HOST_NAME: Kind[str] = Kind(_parse_host, "a host name, such as gopher.example.org", "NAME")
HOST_PATTERN: Kind[str] = Kind(
    _parse_host_pattern,
    "a host such as gopher.example.org, or *.example.org for all below it",
    "HOST",
)


def _parse_ports(text: str) -> range:
    found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text)
    if found is None:
        raise ValueError("neither a port nor a range of ports")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= last <= 65535:
        raise ValueError("ports go from 1 to 65535")
    return range(first, last + 1)


PORTS: Kind[range] = Kind(
    _parse_ports,
    "a port from 1 to 65535, or a range such as 7000-7100",
    "PORTS",
    show=lambda ports: f"{ports[0]}-{ports[-1]}",
)

# Ports of servers that take commands as lines, which a selector could contain: mail, proxies, SIP, X11,
# Redis, IRC, printers, memcached.
_OBEDIENT = {
    *(2525, 3128, 5060, 5061, *range(6000, 6064), 6379),
    *(*range(6660, 6670), 6697, *range(9100, 9108), 11211),
}


def is_public(address: str) -> bool:
    """Return true if an IPv4 or IPv6 address is public: reachable for anybody on the Internet.

    False for addresses in unusual spellings, such as 0177.0.0.1 and 127.1.
    """
    found = _parse_address(address)
    if found is None:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _NOT_PUBLIC_V4)
    if found.scope_id is not None:
        return False
    if found in _NAT64:
        return is_public(str(IPv4Address(int(found) & 0xFFFFFFFF)))
    return found in _GLOBAL_V6 and not any(found in network for network in _NOT_PUBLIC_V6)


def is_public_name(host: str) -> bool:
    """Return true if `host` is a name for the public DNS.

    False for names of one network only (`.local`), and for all spellings of an address (127.1, 0x7f.1).
    """
    _, dot, last = host.rstrip(".").rpartition(".")
    return bool(dot) and re.match("[a-z]", last) is not None and last not in _OF_ONE_NETWORK


def _parse_address(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


@attrs.frozen(kw_only=True, slots=False)
class Destinations:
    """The operator's rules about hosts and ports, as options."""

    allow_host: tuple[str, ...] = option((), HOST_PATTERN, "visit only this host", repeatable=True)
    allow_private: bool = option(False, FLAG, "visit private addresses too, also this machine")
    allow_port: tuple[range, ...] = option(
        (), PORTS, "visit only these ports; by default 70 and most above 1023",
        repeatable=True,
    )  # fmt: skip

    def check_host_and_port(self, url: GopherURL) -> None:
        """Check host and port of `url`, before the lookup. Raises DestinationNotAllowed."""
        if self.allow_host and not any(_matches(url.host, each) for each in self.allow_host):
            raise DestinationNotAllowed(
                "this gateway visits only certain hosts, and this host is not one of them"
            )
        self._check_port(url.port)

    def check_address(self, address: str, port: int) -> None:
        """Check an address and a port, just before connecting. Raises DestinationNotAllowed."""
        self._check_port(port)
        if _parse_address(address) is None or not (self.allow_private or is_public(address)):
            raise DestinationNotAllowed(
                "this gateway visits only public addresses, and this host has no public address"
            )

    def _check_port(self, port: int) -> None:
        is_usual = port == 70 or (port >= 1024 and port not in _OBEDIENT)
        if not (any(port in each for each in self.allow_port) if self.allow_port else is_usual):
            raise DestinationNotAllowed(
                f"this gateway does not connect to port {port}: it is not for Gopher"
            )
