"""What stands as SOURCE before a stored line, for each kind of peer."""

import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.testing import StringTransport

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.source import STANDARD_INPUT, Sender, host_of, source_of, unix_source
from logsrv.kit.net.remote import RemoteAddress, located_remote, parse_remote, remote_endpoint
from tests.parts.reactor import REACTOR


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
def test_each_kind_of_peer_has_its_name(peer, name):
    assert source_of(peer) == name


def test_a_local_client_is_named_by_its_user_and_process():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport: Any = StringTransport(peerAddress=UNIXAddress(None))
        transport.getHandle = lambda: ours
        name = source_of(transport)
    if not hasattr(socket, "SO_PEERCRED"):
        pytest.skip("the credentials here have another form")
    import os

    assert name == f"unix:uid={os.getuid()},pid={os.getpid()}"


def test_an_abstract_name_has_an_at_sign_as_everywhere_else():
    assert unix_source(b"\0app\xff") == "unix:@app\\xff"


def test_the_guard_sees_an_ipv4_client_of_an_ipv6_socket_as_ipv4():
    for spelled in ("::ffff:10.0.0.1", "::FFFF:a00:1", "0:0:0:0:0:ffff:10.0.0.1"):
        assert host_of(IPv6Address("TCP", spelled, 1)) == "10.0.0.1"
    assert host_of(IPv6Address("TCP", "FE80:0:0::1%eth0", 1)) == "fe80::1%eth0"
    assert host_of(Sender(None, "unix:/x")) is None
    assert host_of(UNIXAddress(b"/x")) is None


def test_a_place_to_connect_to_is_parsed(tmp_path):
    assert parse_remote("tcp:example.net:7000").port == 7000
    assert parse_remote("tcp:host=example.net:port=7000").host == "example.net"
    assert parse_remote(r"tcp:\:\:1:http").host == "::1"
    assert parse_remote(r"tcp:\:\:1:http").port == 80
    assert parse_remote("unix:/run/s").path == "/run/s"
    ca = tmp_path / "ca.pem"
    ca.touch()
    remote = parse_remote(f"ssl:example.net:993:cafile={ca}:hostname=mail.example.net")
    assert (remote.tls.cafile, remote.tls.server_name) == (ca, "mail.example.net")
    assert str(remote).startswith("ssl:example.net:993:cafile=")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no place to connect to; known are tcp:HOST:PORT"),
        ("tpc:host:1", "did you mean tcp"),
        ("tcp:7000", "has no host and port; write tcp:HOST:PORT"),
        ("tcp", "has no host and port; write tcp:HOST:PORT"),
        ("tcp:host:0", "nobody listens on port 0"),
        ("tcp:host:70000", "port 70000 is too large"),
        ("tcp:::1:7000", "too many colons; tcp: takes host, port"),
        ("tcp:host:1:timeout=3", "tcp: has no argument timeout"),
        ("ssl:host:1:port=2", "ssl: has port twice"),
        ("ssl:host:1:cafile=/no/such/file", r"there is no file \(cafile\) /no/such/file"),
        ("unix:", "has no path that a socket can have"),
        ("unix:/" + "x" * 200, "has no path that a socket can have"),
    ],
)
def test_an_invalid_place_to_connect_to_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        located_remote(parse_remote(text), Path.cwd())


def test_a_remote_place_becomes_a_client_endpoint(tmp_path):
    assert isinstance(remote_endpoint(parse_remote("tcp:localhost:1"), REACTOR), HostnameEndpoint)
    assert isinstance(remote_endpoint(parse_remote("unix:/s"), REACTOR), UNIXClientEndpoint)
    assert remote_endpoint(RemoteAddress("ssl:localhost:1", "ssl", "localhost", 1), REACTOR)
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(ConfigurationError, match="has no certificate"):
        remote_endpoint(parse_remote(f"ssl:localhost:1:cafile={tmp_path}/ca.pem"), REACTOR)
