"""Who is let in, how many, and how often a refusal is logged."""

from __future__ import annotations

from ipaddress import ip_network

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from logsrv.kit.net.guard.guard import (
    DENIED,
    FULL,
    NOT_ALLOWED,
    PEER_FULL,
    Guard,
    GuardPolicy,
    Refusal,
)
from logsrv.kit.net.guard.guarded_factory import GuardedFactory
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.options.declare import options_of
from logsrv.kit.options.usage import usage_options
from tests.kit.net.network import NotingFactory

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
def test_deny_wins_over_allow_and_allow_leaves_no_others(
    host: str | None, verdict: Refusal | None
) -> None:
    guard = Guard(GuardPolicy(allow=(TEN, DOCS), deny=(TEN_ONE,)))
    assert guard.admit(host) is verdict
    assert guard.open == (verdict is None)


def test_with_deny_alone_all_others_may_talk() -> None:
    guard = Guard(GuardPolicy(deny=(TEN,)))
    assert guard.admit("10.0.0.1") is DENIED
    assert guard.admit("::1") is None


def test_the_limit_counts_open_connections_only() -> None:
    guard = Guard(GuardPolicy(max_connections=2))
    assert [guard.admit("10.0.0.1"), guard.admit(None), guard.admit("10.0.0.2")] == [
        None,
        None,
        FULL,
    ]
    guard.release(None)
    assert guard.admit("10.0.0.2") is None


def test_one_peer_cannot_take_the_place_of_others() -> None:
    guard = Guard(GuardPolicy(max_connections_per_peer=1))
    assert guard.admit("10.0.0.1") is None
    assert guard.admit("10.0.0.1") is PEER_FULL
    assert guard.admit("10.0.0.2") is None
    guard.release("10.0.0.1")
    assert guard.admit("10.0.0.1") is None


def test_a_reload_changes_who_may_come_but_ends_nobody() -> None:
    guard = Guard(GuardPolicy())
    assert guard.admit("10.0.0.1") is None
    guard.apply(GuardPolicy(deny=(TEN,), max_connections=1))
    assert guard.open == 1
    assert guard.admit("10.0.0.1") is DENIED
    assert guard.admit("::1") is FULL


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, "10.0.0.1", "::1"])), max_size=40))
def test_whoever_comes_and_goes_the_counts_are_right(
    steps: list[tuple[bool, str | None]],
) -> None:
    guard = Guard(GuardPolicy(max_connections=4, max_connections_per_peer=2))
    inside: list[str | None] = []
    for comes, host in steps:
        if comes:
            of_host = 0 if host is None else inside.count(host)
            expected = FULL if len(inside) >= 4 else PEER_FULL if of_host >= 2 else None
            assert guard.admit(host) is expected
            if expected is None:
                inside.append(host)
        elif host in inside:
            inside.remove(host)
            guard.release(host)
        assert guard.open == len(inside)


def settings(*arguments: str) -> GuardPolicy:
    options = usage_options(GuardPolicy, name="test", version="1")()
    options.parseOptions(arguments)
    return options.settings


def test_what_the_operator_sets_is_what_the_guard_goes_by() -> None:
    """The settings object itself, with nothing copied in between."""
    found = settings(
        "--allow", "10.0.0.0/8", "--allow", "::1", "--deny", "10.1.0.0/16", "--max-connections",
        "7", "--max-connections-per-peer", "2", "--idle-timeout", "1m",
    )  # fmt: skip
    assert [str(network) for network in found.allow] == ["10.0.0.0/8", "::1/128"]
    assert (found.max_connections, found.max_connections_per_peer) == (7, 2)
    assert found.idle_timeout == 60
    assert Guard(found).admit("10.1.0.1") is DENIED
    listener = GuardedFactory(
        NotingFactory(), label="in", policy=found, clock=Clock(), metrics=Metrics()
    )
    assert listener.guard.policy.idle_timeout == 60


def test_every_rule_of_the_guard_is_an_option() -> None:
    """A rule that were added to the guard alone could not be set by anybody."""
    rules = {field.name for field in attrs.fields(GuardPolicy)}
    assert set(options_of(GuardPolicy)) == rules - {"oversees"}


def test_by_default_everyone_may_connect() -> None:
    found = GuardPolicy()
    assert not found.allow and not found.deny
    assert found.max_connections is found.idle_timeout is None
