"""What people type for the other end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.cli.client.target import parse_target
from logsrv.errors import ConfigurationError
from logsrv.kit.text.escape import one_line


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "shown"),
    [
        ("localhost:7000", "tcp", "localhost", 7000, "localhost:7000"),
        ("tcp:example.org:http", "tcp", "example.org", 80, "example.org:80"),
        ("tls:example.org:443", "tls", "example.org", 443, "example.org:443"),
        ("udp:10.0.0.1:514", "udp", "10.0.0.1", 514, "10.0.0.1:514"),
        ("[::1]:7000", "tcp", "::1", 7000, "[::1]:7000"),
        ("tls:[2001:db8::1]:443", "tls", "2001:db8::1", 443, "[2001:db8::1]:443"),
        (r"tcp:\:\:1:7000", "tcp", "::1", 7000, "[::1]:7000"),
        ("tcp:1234", "tcp", "localhost", 1234, "localhost:1234"),
        ("udp:syslog", "udp", "localhost", 514, "localhost:514"),
        (":7000", "tcp", "localhost", 7000, "localhost:7000"),
    ],
)
def test_hosts_and_ports(text: str, scheme: str, host: str, port: int, shown: str) -> None:
    target = parse_target(text)
    assert (target.scheme, target.host, target.port, str(target)) == (scheme, host, port, shown)


def test_paths() -> None:
    assert parse_target("unix:/run/a:b.sock").path == "/run/a:b.sock"
    assert parse_target("unixgram:x").is_datagram


@pytest.mark.parametrize("text", ["tcp:host=localhost:port=1", "ssl:localhost:1", "unix:path=/x"])
def test_strings_of_twisted(text: str) -> None:
    assert parse_target(text).scheme == "twisted"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("localhost", "localhost has no port; accepted: HOST:PORT"),
        ("localhost:", "localhost: has no port"),
        ("localhost:99999", "ports go from"),
        ("localhost:0", "nobody listens on port 0"),
        ("localhost:htp", "htp is no port and no tcp service"),
        ("::1:7000", "an IPv6 address stands in brackets"),
        ("tcp:::1:7000", "an IPv6 address stands in brackets"),
        ("tsl:localhost:1", "did you mean tls:"),
        ("/run/log.sock", "is a path; write unix:/run/log.sock"),
        ("unix:", "unix: has no path"),
        ("unix:" + "x" * 200, "too long for a socket"),
        ("lo cal:1", "is no name of a host"),
        ("\x1b[2J:1", "\\x1b[2J"),
    ],
)
def test_a_mistake_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_target(text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_sentence(text: str) -> None:
    """And the sentence can be shown at a terminal."""
    said = ""
    try:
        parse_target(text)
    except ConfigurationError as error:
        said = str(error)
    assert one_line(said) == said
