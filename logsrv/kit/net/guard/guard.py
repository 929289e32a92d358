"""The rules of a listener: who may talk to it, how many at once, and for how long in silence.

Rules and counting only: no socket, no timer. `guarded_factory` applies them to connections,
`datagrams` to datagrams.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import attrs

from logsrv.kit.net.guard.networks import Networks, numbered
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import DURATION, FLAG, NETWORK, SIZE, Network, integer


@attrs.frozen(kw_only=True, slots=False)
class GuardPolicy:
    """The rules of one listener, declared as options: settings that have them are the policy.

    Peers without an IP address (UNIX sockets, standard input) are not subject to the networks.

    oversees: whoever connects asks how the service is, and is let in when others have all the open files.
    """

    help_group: ClassVar[str] = "Connections"

    log_connections: bool = option(False, FLAG, "a line in the log for each connect and disconnect")
    allow: tuple[Network, ...] = option(
        (), NETWORK, "who may connect; with this, nobody else may", repeatable=True
    )
    deny: tuple[Network, ...] = option(
        (), NETWORK, "who may not connect, even where --allow lets them", repeatable=True
    )
    max_connections: int | None = option(
        None, integer(1), "how many connections a listener has at a time"
    )
    max_connections_per_peer: int | None = option(
        None, integer(1), "how many connections one address has at a time"
    )
    idle_timeout: float | None = option(
        None, DURATION, "close connections that have sent nothing for so long"
    )
    oversees: bool = False


@attrs.frozen(kw_only=True, slots=False)
class PeerLimits:
    """Limits of what one peer may send, and whether it is told of them; beside GuardPolicy."""

    help_group: ClassVar[str] = "Limits of one address"

    peer_lines: int | None = option(
        None, integer(1), "how many lines or datagrams one address may send in a second"
    )
    tell_refused: bool = option(
        False, FLAG, "tell peers that are refused for a limit why, in a line (not over TLS)"
    )
    peer_bytes: int | None = option(None, SIZE, "how many bytes one address may send in a second")


@attrs.frozen
class Refusal:
    """The reason why a peer is refused. reason: the label in the metrics; sentence: for the log."""

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
# Sentences for peers that are refused for a limit. A peer of a network that may not connect gets none.
TOLD = {
    FULL: "refused: there are as many connections as allowed, try again later",
    PEER_FULL: "refused: you have as many connections as one peer may",
    NO_DESCRIPTORS: "refused: the server is busy, try again later",
}


class Guard:
    """The policy of one listener, which may be another from now on, and the connections it counts.

    A host is an IP address as text (see `logsrv.kit.net.source.host_of`), or None for a peer without.
    """

    def __init__(self, policy: GuardPolicy) -> None:
        self.apply(policy)
        self.open = 0
        self._open_by_host: Counter[str] = Counter()

    def apply(self, policy: GuardPolicy) -> None:
        """Go by another policy from now on."""
        self.policy = policy
        self._allowed, self._denied = Networks(policy.allow), Networks(policy.deny)
        self._screens = bool(self._allowed or self._denied)

    def screen(self, host: str | None) -> Refusal | None:
        """Return what the networks say against a host; nothing is counted."""
        if host is None or not self._screens:
            return None
        address = numbered(host)
        if self._denied.have(address):
            return DENIED
        if self._allowed and not self._allowed.have(address):
            return NOT_ALLOWED
        return None

    def admit(self, host: str | None) -> Refusal | None:
        """Let a connection in and count it, until `release`; or return why not."""
        limit = self.policy.max_connections
        if limit is not None and self.open >= limit:
            return self.screen(host) or FULL
        refusal = self.identify(host)
        if refusal is None:
            self.open += 1
        return refusal

    def identify(self, host: str | None) -> Refusal | None:
        """Count the host of a connection that was admitted without one; or return why it has to go."""
        refusal = self.screen(host)
        if refusal is None and host is not None:
            limit = self.policy.max_connections_per_peer
            if limit is not None and self._open_by_host[host] >= limit:
                return PEER_FULL
            self._open_by_host[host] += 1
        return refusal

    def release(self, host: str | None) -> None:
        """Count a connection that was let in as ended."""
        self.open -= 1
        if host is not None:
            self._open_by_host[host] -= 1
            if not self._open_by_host[host]:
                del self._open_by_host[host]
