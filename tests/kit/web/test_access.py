"""Requests that were meant for somebody else are not answered; where browsers connect."""

from pathlib import Path

import pytest

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.web.access import (
    client_key,
    foreign_page_refusal,
    http_refusal,
    is_allowed_host,
    is_loopback,
    web_endpoint_kind,
    web_guard_policy,
)


@pytest.mark.parametrize(
    "header",
    [b"localhost", b"localhost:8070", b"LOCALHOST.", b"127.0.0.1:8070", b"[::1]:8070", b"gw.lan"],
)
def test_names_of_loopback_and_our_names_are_for_us(header):
    """On loopback the names of loopback and those of --host are answered."""
    assert is_allowed_host(header, ("gw.lan",), local=True)
    assert is_allowed_host(header, ("gw.lan",), local=False)


@pytest.mark.parametrize(
    "header",
    [None, b"", b"evil.example", b"localhost.evil.example", b"127.0.0.1.evil.example", b"a:b:c",
     b"[::2]", b"evil.example#localhost", b"localhost@evil.example", b"\xff"],
)  # fmt: skip
def test_a_rebound_name_is_not_for_us(header):
    """A page elsewhere whose name leads to loopback gets nothing."""
    assert not is_allowed_host(header, (), local=True)
    assert not is_allowed_host(header, ("gw.lan",), local=False)


def test_without_names_any_public_host_is_for_us():
    """A public gateway without --host answers to any name."""
    assert is_allowed_host(b"anything.example", (), local=False)


def test_loopback_addresses_are_recognised():
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("::ffff:192.0.2.1")
    assert not is_loopback("192.0.2.1")
    assert not is_loopback(None)
    assert not is_loopback("/run/x.sock")


def test_an_ipv6_client_is_its_64_bit_network():
    """A client is an address, or the /64 that one customer has."""
    assert client_key("192.0.2.1") == "192.0.2.1"
    assert client_key("2001:db8::1") == client_key("2001:db8::ffff") == "2001:db8::/64"
    assert client_key("fe80::1%eth0") == "fe80::/64"
    assert client_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert client_key(None) == "local"


def why(headers: dict[str, str], *, link: bool = False) -> str | None:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return foreign_page_refusal(given.get, link=link)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:8080"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://a:1", "Host": "a:1"},
        {"Origin": "http://a", "Host": "A:80"},
        {"Origin": "https://a:443", "Host": "a"},
    ],
)
def test_requests_of_programs_and_our_own_pages_are_accepted(headers):
    assert why(headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "null", "Host": "a"},
        {"Origin": "http://b", "Host": "a"},
        {"Origin": "http://a:2", "Host": "a:1"},
    ],
)
def test_requests_of_other_sites_pages_are_refused(headers):
    assert "another site" in (why(headers) or "")


def test_a_followed_link_is_accepted():
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert why(headers, link=True) is None and why(headers)


@pytest.mark.parametrize(
    ("method", "version", "hosts", "status"),
    [
        (b"GET", b"HTTP/1.1", [b"localhost"], None),
        (b"GET", b"HTTP/1.1", [b""], None),
        (b"GET", b"HTTP/1.0", [], None),
        (b"POST", b"HTTP/1.0", [b"localhost"], None),
        (b"GET", b"HTTP/1.1", [], 400),
        (b"POST", b"HTTP/1.1", [], 400),
        (b"GET", b"HTTP/1.1", [b"a", b"b"], 400),
        (b"GET", b"HTTP/1.1", [b"a", b"a"], 400),
        (b"GET", b"HTTP/1.0", [b"a", b"a"], 400),
        (b"CONNECT", b"HTTP/1.1", [], 400),
        (b"CONNECT", b"HTTP/1.1", [b"a"], 405),
        (b"CONNECT", b"HTTP/1.0", [], 405),
    ],
)
def test_a_request_that_breaks_http_is_refused(method, version, hosts, status):
    refusal = http_refusal(method, version, hosts, "GET, PUT")
    assert (refusal and refusal.status) == status
    if status == 405:
        assert refusal and refusal.headers == {"Allow": "GET, PUT"}


KIND = web_endpoint_kind(8080)


def test_endpoints_for_connections_are_accepted():
    assert str(KIND.parse("tcp:80:interface=127.0.0.1")) == "tcp:80:interface=127.0.0.1"
    assert KIND.locate is not None
    assert str(KIND.locate(KIND.parse("unix:web"), Path("/run"))) == "unix:/run/web"
    assert "tcp:8080:interface=127.0.0.1" in KIND.accepted


@pytest.mark.parametrize("text", ["udp:8080", "unixgram:/run/web", "stdin:"])
def test_endpoints_without_connections_are_refused(text):
    with pytest.raises(ValueError, match=r"browsers connect; take for instance tcp:8080:interface"):
        KIND.parse(text)


def test_the_numbers_for_peers_are_not_for_browsers():
    """Six connections of a browser, and live views that say nothing for hours, are no misuse."""
    networks = GuardPolicy(max_connections_per_peer=1, idle_timeout=1, log_connections=True)
    rules = web_guard_policy(networks, 100)
    assert rules.max_connections_per_peer is None and rules.idle_timeout is None
    assert rules.max_connections == 100 and rules.log_connections
