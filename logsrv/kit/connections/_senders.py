"""The senders of datagrams to one listener: their names, and which of their datagrams are taken."""

from __future__ import annotations

import socket
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from twisted.logger import Logger

from logsrv.kit.connections._refusals import log_refusal
from logsrv.kit.connections.guard import Guard, GuardPolicy, Refusal
from logsrv.kit.connections.rates import PeerRateLimits
from logsrv.kit.connections.source import (
    Sender,
    UnixSender,
    canonical_host,
    inet_source,
    unix_source,
)
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.observe.rate_limited_log import RateLimitedLog

log = Logger()

REMEMBERED_SENDERS = 4096


class GuardedSenders:
    """The guard and the rates of a listener, applied to datagrams; refusals are counted and logged.

    A sender's name, and whether it may send, are found once, and forgotten when there are
    REMEMBERED_SENDERS or the rules change.
    """

    def __init__(
        self, label: str, policy: GuardPolicy, seconds: Callable[[], float], metrics: Counts
    ) -> None:
        """`label` names the listener; `seconds` returns the time in seconds."""
        self._label = label
        self._metrics = metrics
        self._guard = Guard(policy)
        self._rates = PeerRateLimits(seconds)
        self._rates.apply(policy)
        self._refusals = RateLimitedLog(seconds)
        self._limited = RateLimitedLog(seconds)
        self._known: dict[Hashable, Sender] = {}
        self._refused: dict[Sender, Refusal] = {}
        # An alert sees the first increase only if the counter was there before it, at 0.
        metrics.count("datagrams_refused_total", 0, listener=label)

    def apply(self, policy: GuardPolicy) -> None:
        """Use other rules from now on."""
        self._guard.apply(policy)
        self._rates.apply(policy)
        self._forget_senders()

    def known_sender(self, key: Hashable, address: Callable[[Any], Any]) -> Sender:
        """Return the sender for a key of a DatagramReader. address: the `address` of that reader."""
        sender = self._known.get(key)
        if sender is None:
            if len(self._known) >= REMEMBERED_SENDERS:
                self._forget_senders()
            sender = self._known[key] = sender_at(address(key))
            refusal = self._guard.network_refusal(sender.host)
            if refusal is not None:
                self._refused[sender] = refusal
        return sender

    def admit_datagrams(self, sender: Sender, payloads: Sequence[bytes]) -> Sequence[bytes]:
        """Return the datagrams that the sender may send; count the others."""
        if self._refused and sender in self._refused:
            self._metrics.count("datagrams_refused_total", len(payloads), listener=self._label)
            peer = sender.host or sender.source
            log_refusal(self._refusals, self._label, peer, self._refused[sender])
            return ()
        return self._admit_within_rates(sender, payloads) if self._rates else payloads

    def _admit_within_rates(self, sender: Sender, payloads: Sequence[bytes]) -> list[bytes]:
        name = sender.host or sender.source
        admitted = [payload for payload in payloads if self._rates.admit_datagram(name, payload)]
        dropped = len(payloads) - len(admitted)
        if dropped:
            self._metrics.count("datagrams_limited_total", dropped, listener=self._label)
            self._limited.log_unless_recent(
                log.warn,
                name,
                "{listener} drops datagrams of {subject}, which sends more than its limits allow",
                listener=self._label,
            )
        return admitted

    def _forget_senders(self) -> None:
        self._known.clear()
        self._refused.clear()


def sender_at(address: Any) -> Sender:
    """Return the sender at an address as the socket module writes it."""
    if isinstance(address, UnixSender):
        return Sender(None, unix_source(*address))
    if isinstance(address, bytes):
        return Sender(None, unix_source(address))
    host, port, *rest = address
    if len(rest) == 2 and rest[1]:
        host = f"{host.partition('%')[0]}%{_interface_name(rest[1])}"
    return Sender(canonical_host(host), inet_source("udp", host, port))


def _interface_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)
