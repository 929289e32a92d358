"""Places to connect to, as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint

from logsrv.errors import ConfigurationError
from logsrv.kit.net.remote import Remote, parse_remote, remote_endpoint
from tests.kit.net.network import REACTOR


def test_what_is_read(tmp_path: Path) -> None:
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
def test_what_is_no_place(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_remote(text)


def test_endpoints(tmp_path: Path) -> None:
    assert isinstance(remote_endpoint(parse_remote("tcp:localhost:1"), REACTOR), HostnameEndpoint)
    assert isinstance(remote_endpoint(parse_remote("unix:/s"), REACTOR), UNIXClientEndpoint)
    assert remote_endpoint(Remote("ssl:localhost:1", "ssl", "localhost", 1), REACTOR)
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(ConfigurationError, match="has no certificate"):
        remote_endpoint(parse_remote(f"ssl:localhost:1:cafile={tmp_path}/ca.pem"), REACTOR)
