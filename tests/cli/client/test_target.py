"""What people type for the other end, and why there is no connection to it."""

import errno
from socket import gaierror

import pytest
from OpenSSL import SSL
from twisted.internet import defer, error

from logsrv.cli.client.failures import connection_failed
from logsrv.cli.client.target import parse_target
from logsrv.errors import ConfigurationError


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
def test_host_and_port_are_parsed(text, scheme, host, port, shown):
    target = parse_target(text)
    assert (target.scheme, target.host, target.port, str(target)) == (scheme, host, port, shown)


def test_paths_of_unix_sockets_are_parsed():
    assert parse_target("unix:/run/a:b.sock").path == "/run/a:b.sock"
    assert parse_target("unixgram:x").is_datagram


@pytest.mark.parametrize("text", ["tcp:host=localhost:port=1", "ssl:localhost:1", "unix:path=/x"])
def test_endpoint_strings_of_twisted_are_recognized(text):
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
def test_a_wrong_target_is_one_sentence(text, sentence):
    with pytest.raises(ConfigurationError) as refused:
        parse_target(text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


TCP = parse_target("localhost:7000")
TLS = parse_target("tls:localhost:7000")
UNIX = parse_target("unix:/run/x")


@pytest.mark.parametrize(
    ("reason", "target", "sentence"),
    [
        (error.DNSLookupError(), TCP, "there is no host named localhost"),
        (error.ConnectionRefusedError(), TCP, "localhost:7000 refused the connection: nothing"),
        (error.TimeoutError(), TCP, "no answer from localhost:7000 within 10 s"),
        (defer.TimeoutError(10, "Deferred"), TCP, "no answer from localhost:7000 within 10 s"),
        (error.NoRouteError(101, "Network is unreachable"), TCP, "there is no way to localhost"),
        (error.ConnectError(errno.ENOENT, "x"), UNIX, "there is no socket /run/x"),
        (error.ConnectError(errno.EACCES, "x"), UNIX, "no permission to connect to /run/x"),
        (PermissionError(errno.EACCES, "x"), UNIX, "no permission to connect to /run/x"),
        (error.ConnectError(errno.EPROTOTYPE, "x"), UNIX, "write unixgram:/run/x"),
        (error.ConnectError(errno.EPIPE, "broken"), UNIX, "/run/x: "),
        (error.ConnectionLost(), TCP, "broke the connection off"),
        (error.ConnectionLost(), TLS, "ended without closing TLS"),
        (gaierror(), TCP, "there is no host named localhost"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), TCP, "refused the connection"),
        (OSError(errno.EMSGSIZE, "x"), TCP, "too long for a datagram"),
        (SSL.Error([("a", "b", "certificate verify failed")]), TLS, "--cafile FILE names its"),
        (SSL.Error([("a", "b", "wrong version number")]), TLS, "does not speak TLS; write tcp:"),
        (SSL.Error([("a", "b", "bad\x1b[2J")]), TLS, "failed: bad\\x1b[2J"),
        (SSL.Error(), TLS, "no reason given"),
        (ValueError("odd\nthing"), TCP, "localhost:7000: odd\\x0athing"),
    ],
)
def test_each_error_has_a_sentence(reason, target, sentence):
    failed = connection_failed(reason, target, 10)  # type: ignore[arg-type]
    assert sentence in str(failed)
    assert "\n" not in str(failed)
