"""Networks as a guard looks addresses up in them: a thousand cost hardly more than one."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Iterable

from logsrv.kit.options.kinds import Network

# ::ffff:0:0/96 holds the addresses of IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2).
MAPPED = 0xFFFF
MAPPED_LENGTH = 96

# Pairs: bits by which an address is shifted to the right, and the networks of that length, shifted as far.
_Table = tuple[tuple[int, frozenset[int]], ...]


class Networks:
    """A set of networks. There is one look-up for each length of a prefix, not one for each network.

    A network of mapped addresses is the one of IPv4, as peers at both have one spelling.
    """

    __slots__ = ("_tables",)

    def __init__(self, networks: Iterable[Network]) -> None:
        found: dict[int, defaultdict[int, set[int]]] = {
            32: defaultdict(set),
            128: defaultdict(set),
        }
        for network in networks:
            bits, length = network.max_prefixlen, network.prefixlen
            first = int(network.network_address)
            if bits == 128 and length >= MAPPED_LENGTH and first >> 32 == MAPPED:
                bits, length, first = 32, length - MAPPED_LENGTH, first & 0xFFFFFFFF
            found[bits][bits - length].add(first >> bits - length)
        self._tables: dict[int, _Table] = {
            bits: tuple((shift, frozenset(firsts)) for shift, firsts in sorted(by_shift.items()))
            for bits, by_shift in found.items()
        }

    def __bool__(self) -> bool:
        return any(self._tables.values())

    def have(self, address: tuple[int, int]) -> bool:
        """Return true if an address, as `numbered` gives it, is in one of them."""
        bits, number = address
        return any(number >> shift in firsts for shift, firsts in self._tables[bits])


def numbered(host: str) -> tuple[int, int]:
    """Return how many bits an IP address has, and the number they are. Raises OSError for other text."""
    if ":" not in host:
        return 32, int.from_bytes(socket.inet_pton(socket.AF_INET, host), "big")
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    number = int.from_bytes(packed, "big")
    return (32, number & 0xFFFFFFFF) if number >> 32 == MAPPED else (128, number)
