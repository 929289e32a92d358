"""Senders of datagrams: their names, and which of their datagrams are taken."""

import os
import socket
from ipaddress import ip_network
from typing import Any

import attrs
from twisted.internet.task import Clock

from logsrv.kit.net import senders
from logsrv.kit.net.guard.guard import GuardPolicy, PeerLimits
from logsrv.kit.net.senders import GuardedSenders, sender_at
from logsrv.kit.observe.metrics import Metrics
from tests.parts.listening import logged


@attrs.frozen(kw_only=True, slots=False)
class Policy(PeerLimits, GuardPolicy):
    """The rules of a listener that reads lines."""


class Asked:
    """Senders by their addresses; `keys`: those that were asked for."""

    def __init__(self, **policy: Any) -> None:
        self.metrics = Metrics()
        self.senders = GuardedSenders("in", Policy(**policy), Clock().seconds, self.metrics)
        self.keys: list[Any] = []

    def address(self, key: Any) -> Any:
        self.keys.append(key)
        return key

    def taken(self, address: Any, *payloads: bytes) -> list[bytes]:
        sender = self.senders.known_sender(address, self.address)
        return list(self.senders.admit_datagrams(sender, payloads))


def test_an_address_is_made_a_name_once():
    asked = Asked()
    first = asked.senders.known_sender(("10.0.0.1", 5), asked.address)
    assert asked.senders.known_sender(("10.0.0.1", 5), asked.address) is first
    assert asked.keys == [("10.0.0.1", 5)]


def test_only_a_limited_number_of_senders_is_remembered(monkeypatch):
    monkeypatch.setattr(senders, "REMEMBERED_SENDERS", 2)
    asked = Asked()
    for port in (1, 2, 3, 1):
        asked.senders.known_sender(("10.0.0.1", port), asked.address)
    assert len(asked.keys) == 4


def test_a_denied_network_is_counted_and_logged_until_the_rules_change():
    asked = Asked(deny=(ip_network("10.0.0.0/8"),))
    with logged() as messages:
        assert asked.taken(("10.0.0.1", 5), b"a", b"b") == []
        assert asked.taken(("192.0.2.1", 5), b"c") == [b"c"]
    assert (
        "in refused 10.0.0.1: its network is denied; 1 refused since this was last logged"
        in messages
    )
    assert asked.metrics.value("datagrams_refused_total") == 2
    asked.senders.apply(Policy())
    assert asked.taken(("10.0.0.1", 5), b"a") == [b"a"]


def test_datagrams_above_a_rate_are_dropped_and_counted():
    asked = Asked(peer_lines=2)
    with logged() as messages:
        assert asked.taken(("10.0.0.1", 5), b"a", b"b", b"c") == [b"a", b"b"]
        # The limit is of the address, whatever the port.
        assert asked.taken(("10.0.0.1", 6), b"d") == []
    assert "in drops datagrams of 10.0.0.1, which sends more than it may" in messages
    assert asked.metrics.value("datagrams_limited_total") == 2


def test_the_name_of_a_sender_tells_the_interface_of_a_link_local_address():
    index, name = socket.if_nameindex()[0]
    assert sender_at(("fe80::1", 5, 0, index)).source == f"udp:[fe80::1%{name}]:5"
    assert sender_at(("fe80::1", 5, 0, 99999)).source == "udp:[fe80::1%99999]:5"
    assert sender_at(("::ffff:10.0.0.1", 5, 0, 0)).host == "10.0.0.1"
    assert sender_at(os.fsencode("/x y")).source == "unix:/x\\x20y"
