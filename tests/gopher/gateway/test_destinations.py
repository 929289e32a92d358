"""Where the gateway goes, and where nobody can send it."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.gateway.destinations import (
    HOST_PATTERN,
    PORTS,
    DestinationNotAllowed,
    Destinations,
    is_public,
    is_public_name,
)
from logsrv.gopher.wire.url import GopherURL


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "198.17.255.255", "2606:4700::1111", "64:ff9b::808:808", "100.128.0.1"],
)
def test_public_addresses_are_public(address):
    """Addresses that anybody could connect to are visited."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.0.3", "0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1"),
        *("192.0.0.170", "192.0.2.1", "240.0.0.1", "192.88.99.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1"),
        *("2606:4700::1%lo", "5f00::1", "3fff::1"),
        # Spellings that some system calls take for 127.0.0.1, and names.
        *("0177.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001"),
        *("localhost", "", "1.2.3.4 ", "[::1]"),
    ],
)
def test_private_addresses_and_odd_spellings_are_not_public(address):
    """Addresses of the operator's own networks, and odd spellings, are not."""
    assert not is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_no_ipv4_address_that_python_calls_private_is_public(number):
    """What Python calls private, multicast or reserved is never public here."""
    address = ip_address(number)
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not is_public(str(address))
    # An IPv4 address is not a way round when written as IPv6.
    assert not is_public(f"::ffff:{address}")
    assert is_public(f"64:ff9b::{address}") == is_public(str(address))


@given(st.integers(0, 2**128 - 1))
def test_every_public_ipv6_address_is_global_for_python(number):
    """The same for IPv6, the whole of it."""
    address = ip_address(number)
    if address.version == 6 and is_public(str(address)):
        assert address.is_global


def test_with_allow_host_other_hosts_are_refused():
    """With --allow-host others are refused; *. stands for what is below, a dot at the end for nothing."""
    patterns = tuple(map(HOST_PATTERN.parse, ("Example.org", "*.floodgap.com", "[2606::1]")))
    destinations = Destinations(allow_host=patterns)
    for host in ("example.org", "example.org.", "gopher.floodgap.com", "2606::1"):
        destinations.check_host_and_port(GopherURL(host))
    for host in ("floodgap.com", "evilfloodgap.com", "a.example.org", "example.org.evil.com"):
        with pytest.raises(DestinationNotAllowed, match="certain hosts"):
            destinations.check_host_and_port(GopherURL(host))
    assert tuple(map(HOST_PATTERN.parse, patterns)) == patterns


@pytest.mark.parametrize("port", [1, 22, 25, 69, 71, 80, 443, 587, 1023, 2525, 6379, 6667, 11211])
def test_ports_of_mail_redis_irc_and_the_like_are_refused(port):
    """Nobody can make the gateway talk to mail, Redis, IRC and the like."""
    with pytest.raises(DestinationNotAllowed, match="port"):
        Destinations().check_host_and_port(GopherURL("example.org", port))
    with pytest.raises(DestinationNotAllowed, match="port"):
        Destinations(allow_private=True).check_address("127.0.0.1", port)
    Destinations(allow_port=(range(port, port + 1),)).check_host_and_port(
        GopherURL("example.org", port)
    )


@pytest.mark.parametrize("port", [70, 1024, 7070, 65535])
def test_port_70_and_most_above_1023_are_allowed(port):
    """Port 70 and those that ordinary users can serve Gopher at are visited."""
    Destinations().check_host_and_port(GopherURL("example.org", port))
    with pytest.raises(DestinationNotAllowed):
        Destinations(allow_port=(range(71, 72),)).check_host_and_port(
            GopherURL("example.org", port)
        )


def test_private_addresses_need_allow_private():
    """Private addresses need --allow-private, and even then have to be addresses."""
    Destinations().check_address("8.8.8.8", 70)
    Destinations(allow_private=True).check_address("127.0.0.1", 70)
    for destinations, address in [
        (Destinations(), "127.0.0.1"),
        (Destinations(allow_private=True), "0177.0.0.1"),
        (Destinations(allow_private=True), "localhost"),
    ]:
        with pytest.raises(DestinationNotAllowed):
            destinations.check_address(address, 70)


@pytest.mark.parametrize("text", ["", "x", "0", "70-", "80-70", "65536", "-1", "70,71"])
def test_a_wrong_allow_port_is_refused(text):
    """--allow-port takes ports and ranges, and says so otherwise."""
    with pytest.raises(ValueError, match="port"):
        PORTS.parse(text)


def test_a_shown_allow_port_can_be_given_again():
    """An option that is shown can be given so."""
    for text in ("70", "70-80"):
        assert PORTS.parse(PORTS.show(PORTS.parse(text))) == PORTS.parse(text)


@pytest.mark.parametrize(
    "name", ["printer.local", "box.lan", "intranet", "a.localhost.", "2130706433"]
)
def test_names_of_one_network_are_not_public(name):
    assert not is_public_name(name)
