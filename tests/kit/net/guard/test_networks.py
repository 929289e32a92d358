"""Which addresses are in a set of networks."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.net.guard.networks import Networks, numbered
from logsrv.kit.options.kinds import Network


def have(networks: list[str], host: str) -> bool:
    return Networks(map(ip_network, networks)).have(numbered(host))


@pytest.mark.parametrize(
    ("networks", "host", "found"),
    [
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["0.0.0.0/0"], "192.0.2.1", True),
        (["0.0.0.0/0"], "::1", False),
        (["::/0"], "192.0.2.1", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.7"], "192.0.2.6", False),
        (["2001:db8::/32", "10.0.0.0/8"], "2001:db8:1::5", True),
        (["fe80::/10"], "fe80::1%eth0", True),
        # An address of IPv4 that is written as one of IPv6 is the same peer.
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["::ffff:10.0.0.0/104"], "10.1.2.3", True),
        (["::ffff:10.0.0.0/104"], "11.1.2.3", False),
        ([], "10.0.0.1", False),
    ],
)
def test_which_address_is_in_which_networks(networks: list[str], host: str, found: bool) -> None:
    assert have(networks, host) is found


@given(st.lists(st.ip_addresses().flatmap(lambda one: _networks_of(str(one)))), st.ip_addresses())
def test_it_says_what_the_standard_library_says(networks: list[Network], address: object) -> None:
    host = str(address)
    mapped = getattr(address, "ipv4_mapped", None)
    wanted = any((mapped or ip_address(host)) in each for each in networks)
    assert Networks(networks).have(numbered(host)) is wanted


def _networks_of(host: str) -> st.SearchStrategy[Network]:
    longest = 95 if ":" in host else 32
    return st.integers(0, longest).map(lambda length: ip_network(f"{host}/{length}", strict=False))


def test_no_networks_are_none() -> None:
    assert not Networks(())
    assert Networks([ip_network("::/0")])
