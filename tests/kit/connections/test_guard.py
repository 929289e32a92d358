"""Who is let in, how many, and how often a refusal is logged."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from logsrv.kit.connections._guarded_factory import GuardedFactory
from logsrv.kit.connections.guard import (
    DENIED,
    FULL,
    NOT_ALLOWED,
    PEER_FULL,
    FileLimit,
    Guard,
    GuardPolicy,
    NetworkSet,
    address_width_and_number,
    file_limit_warning,
    total_max_connections,
)
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.options.kinds import Network
from logsrv.kit.options.usage import usage_options
from tests.parts.kept import kept
from tests.parts.listening import NotingFactory

TEN = ip_network("10.0.0.0/8")
TEN_ONE = ip_network("10.1.0.0/16")
DOCS = ip_network("2001:db8::/32")


@pytest.mark.parametrize(
    ("host", "verdict"),
    [
        ("10.0.0.1", None),
        ("10.1.0.1", DENIED),
        ("192.0.2.1", NOT_ALLOWED),
        ("2001:db8::1", None),
        ("2001:db8::1%eth0", None),
        ("::1", NOT_ALLOWED),
        (None, None),
    ],
)
def test_deny_wins_over_allow_and_allow_leaves_no_others(host, verdict):
    guard = Guard(GuardPolicy(allow=(TEN, DOCS), deny=(TEN_ONE,)))
    assert guard.admit_connection(host) is verdict
    assert guard.open == (verdict is None)


def test_with_deny_alone_all_others_may_talk():
    guard = Guard(GuardPolicy(deny=(TEN,)))
    assert guard.admit_connection("10.0.0.1") is DENIED
    assert guard.admit_connection("::1") is None


def test_a_reload_changes_who_may_come_but_ends_nobody():
    guard = Guard(GuardPolicy())
    assert guard.admit_connection("10.0.0.1") is None
    guard.apply(GuardPolicy(deny=(TEN,), max_connections=1))
    assert guard.open == 1
    assert guard.admit_connection("10.0.0.1") is DENIED
    assert guard.admit_connection("::1") is FULL


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, "10.0.0.1", "::1"])), max_size=40))
def test_whoever_comes_and_goes_the_counts_are_right(steps):
    guard = Guard(GuardPolicy(max_connections=4, max_connections_per_peer=2))
    inside: list[str | None] = []
    for comes, host in steps:
        if comes:
            of_host = 0 if host is None else inside.count(host)
            expected = FULL if len(inside) >= 4 else PEER_FULL if of_host >= 2 else None
            assert guard.admit_connection(host) is expected
            if expected is None:
                inside.append(host)
        elif host in inside:
            inside.remove(host)
            guard.release_connection(host)
        assert guard.open == len(inside)
    for host in inside:
        guard.release_connection(host)
    assert kept(guard) == kept(Guard(guard.policy))


def settings(*arguments: str) -> GuardPolicy:
    options = usage_options(GuardPolicy, name="test", version="1")()
    options.parseOptions(arguments)
    return options.settings


def test_what_the_operator_sets_is_what_the_guard_goes_by():
    """The settings object itself, with nothing copied in between."""
    found = settings(
        "--allow", "10.0.0.0/8", "--allow", "::1", "--deny", "10.1.0.0/16", "--max-connections",
        "7", "--max-connections-per-peer", "2", "--idle-timeout", "1m",
    )  # fmt: skip
    assert [str(network) for network in found.allow] == ["10.0.0.0/8", "::1/128"]
    assert (found.max_connections, found.max_connections_per_peer) == (7, 2)
    assert found.idle_timeout == 60
    assert Guard(found).admit_connection("10.1.0.1") is DENIED
    listener = GuardedFactory(
        NotingFactory(), label="in", policy=found, clock=Clock(), metrics=Metrics()
    )
    assert listener.guard.policy.idle_timeout == 60


@pytest.mark.parametrize(
    ("limit", "peers", "overseers"),
    [(60, 45, 53), (256, 224, 240), (1024, 896, 960), (20_000, 19_872, 19_936)],
)
def test_some_of_a_limit_are_kept_for_who_asks_how_it_is_and_more_for_the_store(
    limit, peers, overseers
):
    found = FileLimit(limit)
    assert found.first_reserved_descriptor(oversees=False) == peers
    assert found.first_reserved_descriptor(oversees=True) == overseers


def test_more_connections_than_files_are_told_with_the_limit_that_allows_them():
    sentence = file_limit_warning(50_000, FileLimit(1024))
    assert sentence is not None
    assert "50000" in sentence
    assert "1024" in sentence
    assert "LimitNOFILE=50192" in sentence
    assert file_limit_warning(50_000, FileLimit(50_192)) is None
    assert file_limit_warning(0, FileLimit(60)) is None


@pytest.mark.parametrize("connections", [10, 30, 161, 800, 20_000])
def test_the_limit_that_is_told_is_the_least_that_allows_them(connections):
    sentence = file_limit_warning(connections, FileLimit(8))
    assert sentence is not None
    told = int(sentence.rpartition("ulimit -n ")[2].split()[0])
    assert file_limit_warning(connections, FileLimit(told)) is None
    assert file_limit_warning(connections, FileLimit(told - 1)) is not None


def test_a_small_limit_of_open_files_lets_some_peers_in():
    """Also one below what is reckoned for the service itself."""
    sentence = file_limit_warning(50, FileLimit(60))
    assert sentence is not None and "only about 23" in sentence


def test_connections_of_all_listeners_are_counted_together():
    rules = [
        GuardPolicy(max_connections=3),
        GuardPolicy(),
        GuardPolicy(oversees=True, max_connections=9),
    ]
    assert total_max_connections([*rules, GuardPolicy(max_connections=4)]) == 7


def have(networks: list[str], host: str) -> bool:
    return NetworkSet(map(ip_network, networks)).contain(address_width_and_number(host))


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
        (["::ffff:10.0.0.0/104"], "::ffff:10.1.2.3", True),
        (["::ffff:0:0/96"], "10.1.2.3", True),
        (["::ffff:0:0/96"], "::fffe:a01:203", False),
        (["::ffff:10.0.0.1"], "10.0.0.1", True),
        (["::ffff:10.0.0.1"], "10.0.0.0", False),
        # Wider or beside it, it is one of IPv6.
        (["::fffe:0:0/95"], "::fffe:a01:203", True),
        (["::fffe:0:0/95"], "10.1.2.3", False),
        (["2001:db8::a00:0/104"], "2001:db8::a01:203", True),
        (["2001:db8::a00:0/104"], "10.1.2.3", False),
        (["10.0.0.1"], "::ffff:10.0.0.1", True),
        (["10.0.0.0"], "::ffff:10.0.0.1", False),
        ([], "10.0.0.1", False),
    ],
)
def test_which_address_is_in_which_networks(networks, host, found):
    assert have(networks, host) is found


@given(st.lists(st.ip_addresses().flatmap(lambda one: _networks_of(str(one)))), st.ip_addresses())
def test_networks_agree_with_the_ipaddress_module(networks, address):
    host = str(address)
    mapped = getattr(address, "ipv4_mapped", None)
    wanted = any((mapped or ip_address(host)) in each for each in networks)
    assert NetworkSet(networks).contain(address_width_and_number(host)) is wanted


def _networks_of(host: str) -> st.SearchStrategy[Network]:
    longest = 95 if ":" in host else 32
    return st.integers(0, longest).map(lambda length: ip_network(f"{host}/{length}", strict=False))


def test_an_empty_set_of_networks_is_false():
    assert not NetworkSet(())
    assert NetworkSet([ip_network("::/0")])
