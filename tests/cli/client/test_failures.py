"""Why there is no connection, in a sentence."""

from __future__ import annotations

import errno

import pytest
from OpenSSL import SSL
from twisted.internet import defer, error

from logsrv.cli.client.failures import connection_failed
from logsrv.cli.client.target import parse_target

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
        (error.MessageLengthError(), TCP, "too long for a datagram"),
        (SSL.Error([("a", "b", "certificate verify failed")]), TLS, "--cafile FILE names its"),
        (SSL.Error([("a", "b", "wrong version number")]), TLS, "does not speak TLS; write tcp:"),
        (SSL.Error([("a", "b", "bad\x1b[2J")]), TLS, "failed: bad\\x1b[2J"),
        (SSL.Error(), TLS, "no reason given"),
        (ValueError("odd\nthing"), TCP, "localhost:7000: odd\\x0athing"),
    ],
)
def test_sentence(reason: BaseException, target: object, sentence: str) -> None:
    failed = connection_failed(reason, target, 10)  # type: ignore[arg-type]
    assert sentence in str(failed)
    assert "\n" not in str(failed)
