"""The rules of a listener: which peers may talk to it, how many at once, and how long a peer may be silent.

Rules and counting only: no socket, no timer. `guarded_factory` applies them to connections, `datagrams` to
datagrams.

Each connection is an open file, so the limit of open files is divided too: a daemon at the limit still
rotates, seals, answers searches and reports its state.
"""

from __future__ import annotations

import re
import resource
import socket
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import ClassVar

import attrs

from logsrv.kit.connections.keepalive import KEEPALIVE
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import DURATION, FLAG, NETWORK, SIZE, Kind, Network, integer

# ::ffff:0:0/96 holds the addresses of IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2).
MAPPED = 0xFFFF
MAPPED_LENGTH = 96
# A pair for each length of prefix: how far an address is shifted right, and all networks, shifted as far.
_Table = tuple[tuple[int, frozenset[int]], ...]
# Bounds of the number of files that are kept from peers. Half of the files may go to peers that ask about
# the service's state; the other half is only for the store, searches and child processes.
MOST_KEPT = 128
LEAST_KEPT = 32
# About the number of files that a service has open without peers.
OWN_FILES = 64
# Seconds: Linux takes no longer TCP_KEEPIDLE.
LONGEST_SILENCE = 32767


def _parse_keepalive(text: str) -> float | None:
    if re.fullmatch(r"0+(\.0*)?(ms|s|m|h|d)?", text):
        return None
    seconds = DURATION.parse(text)
    if seconds < 1:
        raise ValueError("less than a second")
    if seconds > LONGEST_SILENCE:
        raise ValueError(f"more than {LONGEST_SILENCE} s")
    return seconds


KEEPALIVE_TIME: Kind[float | None] = Kind(
    _parse_keepalive,
    "a number of seconds from 1 to 32767, or one with s, m or h, such as 90s, or 0",
    "TIME",
    show=lambda value: "off" if value is None else DURATION.show(value),
    native=(int, float),
)
"""The kind of value of the option `--keepalive`; the word `off` gives the value None."""


@attrs.frozen(kw_only=True, slots=False)
class GuardPolicy:
    """The rules of one listener, declared as options; settings that inherit from this class can be used as
    the policy.

    Peers without an IP address (UNIX sockets, standard input) are not subject to the networks.

    oversees: true for listeners at which peers ask about the service's state. They may still connect when
    other peers have used up the open files.
    """

    help_group: ClassVar[str] = "Connections"

    log_connections: bool = option(False, FLAG, "log each connect and disconnect")
    allow: tuple[Network, ...] = option(
        (), NETWORK, "let only these addresses connect", repeatable=True
    )
    deny: tuple[Network, ...] = option(
        (), NETWORK, "refuse these addresses, even if --allow names them", repeatable=True
    )
    max_connections: int | None = option(
        None, integer(1), "the most open connections of a listener"
    )
    max_connections_per_peer: int | None = option(
        None, integer(1), "the most open connections of one address"
    )
    idle_timeout: float | None = option(
        None, DURATION, "close a connection after this much silence"
    )
    keepalive: float | None = option(
        KEEPALIVE,
        KEEPALIVE_TIME,
        "after this much silence, check by TCP that the peer still exists; if not, close",
        off=True,
    )
    oversees: bool = False


@attrs.frozen(kw_only=True, slots=False)
class PeerLimits:
    """Limits on the data of one peer, and the option to tell refused peers the reason; used together with
    GuardPolicy.
    """

    help_group: ClassVar[str] = "Limits of one address"

    peer_lines: int | None = option(
        None, integer(1), "the most lines or datagrams of one address in a second"
    )
    tell_refused: bool = option(
        False, FLAG, "tell a refused peer which limit it exceeds (not over TLS)"
    )
    peer_bytes: int | None = option(None, SIZE, "the most bytes of one address in a second")


@attrs.frozen
class Refusal:
    """The reason why a peer is refused. reason: the label in the metrics. sentence: for the log."""

    reason: str
    sentence: str


DENIED = Refusal("denied", "its network is denied")
NOT_ALLOWED = Refusal("not_allowed", "its network is not among the allowed ones")
FULL = Refusal("max_connections", "there are as many connections as allowed")
PEER_FULL = Refusal("max_connections_per_peer", "it has as many connections as one peer may")
NO_DESCRIPTORS = Refusal("descriptors", "the limit of open files is near")
SPEAKS_TLS = Refusal(
    "tls",
    "it speaks TLS; this listener does not: give it a certificate (ssl:), or let the sender go without TLS",
)
# Sentences to send to peers that are refused, with --tell-refused. A peer of a refused network gets none.
REFUSAL_SENTENCES = {
    FULL: "refused: there are as many connections as allowed, try again later",
    PEER_FULL: "refused: you have as many connections as one peer may",
    NO_DESCRIPTORS: "refused: the server is busy, try again later",
}


class Guard:
    """The guard of one listener: its policy, which `apply` replaces, and the numbers of its connections.

    A host is an IP address as text (see `source.host_of`), or None for a peer without one.
    """

    def __init__(self, policy: GuardPolicy) -> None:
        self.apply(policy)
        self.open = 0
        self._open_by_host: Counter[str] = Counter()

    def apply(self, policy: GuardPolicy) -> None:
        """Use another policy from now on."""
        self.policy = policy
        self._allowed, self._denied = NetworkSet(policy.allow), NetworkSet(policy.deny)
        self._screens = bool(self._allowed or self._denied)

    def network_refusal(self, host: str | None) -> Refusal | None:
        """Return the refusal if the network of a host may not connect, else None; counts nothing."""
        if host is None or not self._screens:
            return None
        address = address_width_and_number(host)
        if self._denied.contain(address):
            return DENIED
        if self._allowed and not self._allowed.contain(address):
            return NOT_ALLOWED
        return None

    def admit_connection(self, host: str | None) -> Refusal | None:
        """Admit a connection and return None, or return the refusal; an admitted connection counts until
        `release_connection`.
        """
        limit = self.policy.max_connections
        if limit is not None and self.open >= limit:
            return self.network_refusal(host) or FULL
        refusal = self.admit_host(host)
        if refusal is None:
            self.open += 1
        return refusal

    def admit_host(self, host: str | None) -> Refusal | None:
        """Count the host of a connection that was admitted before its host was known, and return None; or
        return the refusal.
        """
        refusal = self.network_refusal(host)
        if refusal is None and host is not None:
            limit = self.policy.max_connections_per_peer
            if limit is not None and self._open_by_host[host] >= limit:
                return PEER_FULL
            self._open_by_host[host] += 1
        return refusal

    def release_connection(self, host: str | None) -> None:
        """Count an admitted connection as ended."""
        self.open -= 1
        if host is not None:
            self._open_by_host[host] -= 1
            if not self._open_by_host[host]:
                del self._open_by_host[host]


class NetworkSet:
    """A set of networks; a search needs one look-up for each length of prefix, instead of one for each
    network.

    With 10,000 networks that takes 1.2 µs; `ipaddress` needs 194 µs for 1,000.

    A network of mapped IPv6 addresses becomes the IPv4 network: peers at both have one spelling.
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

    def contain(self, address: tuple[int, int]) -> bool:
        """Return true if one of the networks contains the address, which is a result of
        `address_width_and_number`.
        """
        bits, number = address
        return any(number >> shift in firsts for shift, firsts in self._tables[bits])


def address_width_and_number(host: str) -> tuple[int, int]:
    """Return the number of bits of an IP address, and the address as a number; an IPv4 address mapped into
    IPv6 has 32 bits.

    Raises OSError for other text.
    """
    if ":" not in host:
        return 32, int.from_bytes(socket.inet_pton(socket.AF_INET, host), "big")
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    number = int.from_bytes(packed, "big")
    return (32, number & 0xFFFFFFFF) if number >> 32 == MAPPED else (128, number)


@attrs.frozen
class FileLimit:
    """The limit of open files (RLIMIT_NOFILE), which peers and the service share."""

    limit: int

    @classmethod
    def of_process(cls) -> FileLimit:
        """Return the limit of this process."""
        return cls(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    @property
    def reserved_files(self) -> int:
        """Return how many open files peers may not use, because they are reserved for the service: at most
        a quarter of the limit.
        """
        return min(MOST_KEPT, max(LEAST_KEPT, self.limit // 8), self.limit // 4)

    def first_reserved_descriptor(self, *, oversees: bool) -> int:
        """Return the smallest descriptor number that peers may not have.

        oversees: whether the peer asks about the service's state, and may use half of the kept files.
        """
        return self.limit - (self.reserved_files // 2 if oversees else self.reserved_files)

    @property
    def refusal_sentence(self) -> str:
        """Return a sentence for the log that says why a peer is refused near the limit of open files, and
        names the remedy.
        """
        return (
            f"the limit of open files is near ({self.limit}, the last {self.reserved_files} are kept; "
            f"{larger_limit_advice(2 * self.limit)} allows more)"
        )

    @property
    def peer_capacity(self) -> int:
        """Return about how many connections of peers fit into the limit, beside OWN_FILES files of the
        service itself.

        Of a low limit, the service's own files are counted as half.
        """
        bound = self.first_reserved_descriptor(oversees=False)
        return bound - min(OWN_FILES, bound // 2)


def larger_limit_advice(limit: int) -> str:
    """Return a phrase that tells an operator which setting gives a larger limit."""
    return f"LimitNOFILE={limit} in its unit or ulimit -n {limit} before its start"


def total_max_connections(rules: Iterable[GuardPolicy]) -> int:
    """Return how many connections all listeners with these rules admit together.

    Listeners at which peers ask about the state of the service do not count.
    """
    return sum(each.max_connections or 0 for each in rules if not each.oversees)


def file_limit_warning(connections: int, limit: FileLimit) -> str | None:
    """Return a sentence with the remedy if the limit is too small for this many connections, else None."""
    if connections <= limit.peer_capacity:
        return None
    enough = connections
    while FileLimit(enough).peer_capacity < connections:
        enough += 1
    return (
        f"--max-connections lets {connections} in, all listeners together, but the limit of "
        f"{limit.limit} open files only about {limit.peer_capacity}; "
        f"{larger_limit_advice(enough)} allows them"
    )
