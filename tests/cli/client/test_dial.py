"""Connecting. (All kinds of endpoints, as a user does it: test_connect.)"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Generator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from logsrv.cli.client.dial import connect_peer
from logsrv.cli.client.display import Display
from logsrv.cli.client.failures import ConnectionFailed
from logsrv.cli.client.peer import Peer
from logsrv.cli.client.target import parse_target
from logsrv.errors import ConfigurationError
from logsrv.kit.net.tls.client_tls import TLSOptions

Waits = Generator[Deferred[Any], Any, None]


def dialled(text: str, options: TLSOptions | None = None) -> Deferred[Peer]:
    return Deferred.fromCoroutine(
        connect_peer(
            parse_target(text),
            options or TLSOptions(),
            Display(),
            lambda shown: None,
            5,
            reactor,
        )
    )


@pytest_twisted.inlineCallbacks
def test_a_connection_is_established_and_closed() -> Waits:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = yield dialled(f"127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        peer.close()
        yield peer.ended
        assert connection.recv(1) == b""
        connection.close()
    assert peer.failure is None


@pytest_twisted.inlineCallbacks
def test_ipv6() -> Waits:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        peer = yield dialled(f"[::1]:{server.getsockname()[1]}")
        peer.close()
        yield peer.ended


@pytest_twisted.inlineCallbacks
def test_nothing_is_left_of_a_socket_that_could_not_be_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> Waits:
    """A UNIX socket of datagrams needs a path of its own for the answers, of at most 107 bytes."""
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr("tempfile.tempdir", short)
        with pytest.raises(ConnectionFailed, match="there is no socket"):
            yield dialled(f"unixgram:{short}/no")
        assert os.listdir(short) == []


@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize("text", ["localhost:1", "unix:/x", "udp:1", "tcp:host=localhost:port=1"])
def test_tls_options_without_tls(text: str) -> Waits:
    with pytest.raises(ConfigurationError, match="is not encrypted"):
        yield dialled(text, TLSOptions(server_name="x"))


@pytest_twisted.inlineCallbacks
def test_a_twisted_string_that_is_wrong() -> Waits:
    with pytest.raises(ConfigurationError, match="tcp:hst=localhost:port=1"):
        yield dialled("tcp:hst=localhost:port=1")
