"""What stands as SOURCE before a stored line, for each kind of peer."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.testing import StringTransport

from logsrv.kit.net.source import STANDARD_INPUT, Sender, host_of, source_of, unix_source


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        (IPv4Address("TCP", "127.0.0.1", 51234), "tcp:127.0.0.1:51234"),
        (IPv4Address("UDP", "127.0.0.1", 514), "udp:127.0.0.1:514"),
        (IPv6Address("TCP", "::1", 514), "tcp:[::1]:514"),
        (IPv6Address("TCP", "fe80::1%eth0", 514), "tcp:[fe80::1%eth0]:514"),
        (IPv6Address("TCP", "::ffff:10.0.0.1", 514), "tcp:10.0.0.1:514"),
        (IPv6Address("TCP", "::FFFF:a00:1", 514), "tcp:10.0.0.1:514"),
        (IPv6Address("UDP", "0:0:0:0:0:ffff:10.0.0.1", 514), "udp:10.0.0.1:514"),
        (IPv6Address("TCP", "2001:DB8:0:0:0::0001", 514), "tcp:[2001:db8::1]:514"),
        (IPv6Address("TCP", "FE80:0::1%eth0", 514), "tcp:[fe80::1%eth0]:514"),
        (IPv6Address("TCP", "strange:one", 514), "tcp:[strange:one]:514"),
        (UNIXAddress(None), "unix:"),
        (UNIXAddress(b"uid=0,pid=1"), "unix:./uid=0,pid=1"),
        (UNIXAddress(b"/tmp/a b\n\\"), "unix:/tmp/a\\x20b\\x0a\\x5c"),
        (STANDARD_INPUT, "stdin:"),
        (Sender("::1", "udp:[::1]:5"), "udp:[::1]:5"),
        (StringTransport(peerAddress=IPv4Address("TCP", "10.1.2.3", 4)), "tcp:10.1.2.3:4"),
        (StringTransport(peerAddress=STANDARD_INPUT), "stdin:"),
    ],
)
def test_each_kind_of_peer_has_its_name(peer: Any, name: str) -> None:
    assert source_of(peer) == name


def test_a_local_client_is_named_by_its_user_and_process() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport: Any = StringTransport(peerAddress=UNIXAddress(None))
        transport.getHandle = lambda: ours
        name = source_of(transport)
    if not hasattr(socket, "SO_PEERCRED"):
        pytest.skip("the credentials here have another form")
    import os

    assert name == f"unix:uid={os.getuid()},pid={os.getpid()}"


def test_an_abstract_name_has_an_at_sign_as_everywhere_else() -> None:
    assert unix_source(b"\0app\xff") == "unix:@app\\xff"


def test_the_guard_sees_an_ipv4_client_of_an_ipv6_socket_as_ipv4() -> None:
    for spelled in ("::ffff:10.0.0.1", "::FFFF:a00:1", "0:0:0:0:0:ffff:10.0.0.1"):
        assert host_of(IPv6Address("TCP", spelled, 1)) == "10.0.0.1"
    assert host_of(IPv6Address("TCP", "FE80:0:0::1%eth0", 1)) == "fe80::1%eth0"
    assert host_of(Sender(None, "unix:/x")) is None
    assert host_of(UNIXAddress(b"/x")) is None


@given(st.binary(max_size=108))
def test_no_name_has_a_space_or_a_byte_that_drives_a_terminal(path: bytes) -> None:
    assert all("!" <= character <= "~" for character in unix_source(path))
