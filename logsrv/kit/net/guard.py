"""The rules of a listener: who may talk to it, how many at once, and for how long in silence.

Rules and counting only: no socket, no timer. `guarded_factory` applies them to connections,
`datagrams` to datagrams.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import attrs

from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import DURATION, NETWORK, Network, integer

# One listener remembers this many refused peers, so that each is logged once a minute; a flood from
# more addresses than that is logged as one.
REMEMBERED_PEERS = 1024
QUIET_SECONDS = 60.0
OTHERS = "other peers"


@attrs.frozen(kw_only=True, slots=False)
class GuardPolicy:
    """The rules of one listener, declared as options: settings that have them are the policy.

    Peers without an IP address (UNIX sockets, standard input) are not subject to the networks.
    """

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


class Guard:
    """The policy of one listener and the connections it counts.

    A host is an IP address as text (see `logsrv.kit.net.source.host_of`), or None for a peer without.
    """

    def __init__(self, policy: GuardPolicy) -> None:
        self.policy = policy
        self.open = 0
        self._open_by_host: dict[str, int] = {}

    def apply(self, policy: GuardPolicy) -> None:
        """Go by other rules from now on; whoever is connected stays."""
        self.policy = policy

    def screen(self, host: str | None) -> Refusal | None:
        """Return what the networks say against a host; nothing is counted."""
        policy = self.policy
        if host is None or not (policy.allow or policy.deny):
            return None
        address = ip_address(host.partition("%")[0])
        if any(address in network for network in policy.deny):
            return DENIED
        if policy.allow and not any(address in network for network in policy.allow):
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
            open_now = self._open_by_host.get(host, 0)
            limit = self.policy.max_connections_per_peer
            if limit is not None and open_now >= limit:
                return PEER_FULL
            self._open_by_host[host] = open_now + 1
        return refusal

    def release(self, host: str | None) -> None:
        """Count a connection that was let in as ended."""
        self.open -= 1
        if host is not None:
            left = self._open_by_host[host] - 1
            if left:
                self._open_by_host[host] = left
            else:
                del self._open_by_host[host]


class RefusalLog:
    """Memory of which refusals were logged: one per peer and minute, with the number since the last.

    clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float], remembered: int = REMEMBERED_PEERS) -> None:
        self._clock = clock
        self._remembered = remembered
        # Peer to [when it was logged last, refusals since then], oldest first.
        self._peers: dict[str, list[float]] = {}

    def note(self, peer: str) -> tuple[str, int] | None:
        """Count a refusal of `peer`. Return what to log it as and how many it stands for, or None."""
        now = self._clock()
        if peer not in self._peers and len(self._peers) >= self._remembered:
            self._forget(now)
            if len(self._peers) >= self._remembered:
                peer = OTHERS
        entry = self._peers.get(peer)
        if entry is None:
            self._peers[peer] = [now, 0]
            return peer, 1
        entry[1] += 1
        if now - entry[0] < QUIET_SECONDS:
            return None
        number = int(entry[1])
        # Put in again at the end: the dictionary is in the order of the times.
        del self._peers[peer]
        self._peers[peer] = [now, 0]
        return peer, number

    def _forget(self, now: float) -> None:
        for peer, (logged, _) in list(self._peers.items()):
            if now - logged < QUIET_SECONDS:
                break
            del self._peers[peer]
