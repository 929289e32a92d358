"""`logsrv connect` and a server that closes while there is input: none is lost silently."""

import os
import socket
from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.cli.connect import SILENT_SECONDS, Client, InputLeft, PlainClient, TLSClient
from tests.parts.commands import logsrv, serving, serving_unix

LEFT = b"the server closed before it had all of the input\n"
LARGE = os.urandom(3_000_000)


class Sink:
    """A server that ends its half at once, and reads all."""

    def __init__(self) -> None:
        self.read = b""

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(b"write only\n")
        connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(65536):
            self.read += data


def dismiss(connection: socket.socket) -> None:
    """Close without reading what comes."""
    connection.sendall(b"bye\n")


def test_a_server_that_has_only_ended_its_half_gets_all_input(tmp_path):
    sink, other = Sink(), Sink()
    with serving(sink) as port:
        done = logsrv("connect", f"127.0.0.1:{port}", input=LARGE)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"write only\n", b"")
    with serving_unix(tmp_path / "s", other):
        done = logsrv("connect", f"unix:{tmp_path}/s", input=LARGE)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"write only\n", b"")
    assert sink.read == other.read == LARGE


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_input_that_a_server_did_not_take_is_reported(tmp_path, scheme):
    """It has closed both halves: a reset, which comes before or after its close, tells that."""
    if scheme == "unix":
        with serving_unix(tmp_path / "s", dismiss):
            done = logsrv("connect", f"unix:{tmp_path}/s", input=LARGE)
    else:
        with serving(dismiss) as port:
            done = logsrv("connect", f"127.0.0.1:{port}", input=LARGE)
    assert done.returncode == 1
    assert done.stderr.endswith((LEFT, b"the connection broke off; the answer may be incomplete\n"))


class Halves(StringTransport):
    """A transport whose close of one half is noted, with a socket that is open."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self.half_closed = False
        self.getHandle = lambda: sock

    def loseWriteConnection(self) -> None:
        self.half_closed = True


@pytest.fixture
def transport() -> Iterator[Halves]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.shutdown(socket.SHUT_WR)
        yield Halves(ours)


def reason(client: Client) -> object:
    """Return the reason of its end; None before."""
    return getattr(client.ended, "result", None)


def test_a_pause_is_the_end_of_the_input_unless_some_was_sent_after_the_close(transport):
    clock = Clock()
    for sends in (False, True):
        client = PlainClient(clock)
        client.makeConnection(transport)
        client.readConnectionLost()
        clock.advance(SILENT_SECONDS / 2)
        assert not transport.half_closed
        if sends:
            Deferred.fromCoroutine(client.send(b"one"))
        clock.advance(SILENT_SECONDS / 2)
        assert transport.half_closed is not sends and reason(client) is None
        transport.half_closed = False
        transport.unregisterProducer() if sends else client.writeConnectionLost()
        assert sends or isinstance(reason(client), ConnectionDone)


def test_a_close_while_input_waits_for_room_ends_it_after_a_pause(transport):
    clock = Clock()
    client = PlainClient(clock)
    client.makeConnection(transport)
    transport.producer.pauseProducing()
    Deferred.fromCoroutine(client.send(b"one"))
    client.readConnectionLost()
    clock.advance(2 * SILENT_SECONDS)
    assert not transport.half_closed
    transport.producer.resumeProducing()
    clock.advance(SILENT_SECONDS)
    assert transport.half_closed


def test_input_after_the_close_of_tls_is_left(transport):
    clock = Clock()
    for sends, kind in ((False, ConnectionDone), (True, InputLeft)):
        client = TLSClient(clock)
        client.makeConnection(transport)
        client.handshakeCompleted()
        client.connectionLost(Failure(ConnectionDone()))
        clock.advance(SILENT_SECONDS / 2)
        assert reason(client) is None
        if sends:
            Deferred.fromCoroutine(client.send(b"one"))
        clock.advance(SILENT_SECONDS / 2)
        assert isinstance(reason(client), kind)
        if sends:
            transport.unregisterProducer()


def test_input_that_waits_at_the_close_of_tls_is_left(transport):
    client = TLSClient(Clock())
    client.makeConnection(transport)
    client.handshakeCompleted()
    transport.producer.pauseProducing()
    waiting = Deferred.fromCoroutine(client.send(b"one"))
    client.connectionLost(Failure(ConnectionDone()))
    assert waiting.called and isinstance(reason(client), InputLeft)
