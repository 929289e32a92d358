"""Destinations of the gateway: which hosts, which ports, which addresses. Sans-IO.

A gateway fetches what strangers ask for, from inside the operator's network. So the name is checked
before it is looked up, and the address once more when it is connected to (`allow` of the client).

Addresses: the special-purpose registries of IANA (RFC 6890 and later).
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
# All that is given out to anybody is in here (IANA, IPv6 Global Unicast Address Assignments) …
_GLOBAL_V6 = IPv6Network("2000::/3")
# … but Teredo, ORCHID and the like, documentation, and 6to4, which hides an IPv4 address.
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# Networks without IPv4 reach all of it through this prefix (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
# RFC 6761, 6762, 8375, and what ICANN has set apart in 2024.
_OF_ONE_NETWORK = ("localhost", "local", "internal", "arpa", "lan")


class NotAllowed(GopherError, code="not-allowed"):
    """The gateway does not go there."""


def _host(text: str) -> str:
    try:
        return canonical_host(text.removeprefix("[").removesuffix("]")).rstrip(".")
    except BadURL as error:
        raise ValueError(error.reason) from None


def _host_pattern(text: str) -> str:
    name = text.removeprefix("*.")
    return text.removesuffix(name) + _host(name)


def _matches(host: str, pattern: str) -> bool:
    host = host.rstrip(".")
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


HOST_NAME: Kind[str] = Kind(_host, "a host name, such as gopher.example.org", "NAME")
HOST_PATTERN: Kind[str] = Kind(
    _host_pattern, "a host such as gopher.example.org, or *.example.org for all below it", "HOST"
)


def _ports(text: str) -> range:
    found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text)
    if found is None:
        raise ValueError("neither a port nor a range of ports")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= last <= 65535:
        raise ValueError("ports go from 1 to 65535")
    return range(first, last + 1)


PORTS: Kind[range] = Kind(
    _ports,
    "a port from 1 to 65535, or a range such as 7000-7100",
    "PORTS",
    show=lambda ports: f"{ports[0]}-{ports[-1]}",
)

# Servers that obey single lines could be made to act by a selector: mail, proxies, SIP, X11, Redis,
# IRC, printers, memcached.
_OBEDIENT = {
    *(2525, 3128, 5060, 5061, *range(6000, 6064), 6379),
    *(*range(6660, 6670), 6697, *range(9100, 9108), 11211),
}


def is_public(address: str) -> bool:
    """Return true if anybody on the Internet could connect to an IPv4 or IPv6 address.

    False for all that is no address in its one usual spelling, such as 0177.0.0.1 and 127.1.
    """
    found = _parsed(address)
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
    """Return true if `host` is a name that is not for one network alone, and no resolver takes it for an
    address, in whatever spelling (127.1, 0x7f.1).
    """
    _, dot, last = host.rstrip(".").rpartition(".")
    return bool(dot) and re.match("[a-z]", last) is not None and last not in _OF_ONE_NETWORK


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


@attrs.frozen(kw_only=True, slots=False)
class Destinations:
    """The operator's rules, as options."""

    allow_host: tuple[str, ...] = option((), HOST_PATTERN, "visit only this host", repeatable=True)
    allow_private: bool = option(False, FLAG, "visit private addresses too, also this machine")
    allow_port: tuple[range, ...] = option(
        (), PORTS, "visit only these ports; by default 70 and most above 1023",
        repeatable=True,
    )  # fmt: skip

    def check(self, url: GopherURL) -> None:
        """Raises NotAllowed for a host or port that is not visited, before it is looked up."""
        if self.allow_host and not any(_matches(url.host, each) for each in self.allow_host):
            raise NotAllowed("this gateway visits a few hosts only, and this is none of them")
        self._check_port(url.port)

    def check_address(self, address: str, port: int) -> None:
        """Raises NotAllowed for an address that must not be connected to."""
        self._check_port(port)
        if _parsed(address) is None or not (self.allow_private or is_public(address)):
            raise NotAllowed("this gateway visits public addresses only, and this host has none")

    def _check_port(self, port: int) -> None:
        is_usual = port == 70 or (port >= 1024 and port not in _OBEDIENT)
        if not (any(port in each for each in self.allow_port) if self.allow_port else is_usual):
            raise NotAllowed(f"this gateway does not connect to port {port}: it is not for Gopher")
