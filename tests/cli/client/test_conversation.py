"""Connecting, and the two kinds of peers. (The whole, with real servers: test_connect.)"""

import os
import socket
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.cli.client import conversation as conversation_module
from logsrv.cli.client.conversation import CHUNK, LineConversation, read_all
from logsrv.cli.client.dial import dial
from logsrv.cli.client.display import Display, TextDisplay
from logsrv.cli.client.failures import ConnectionFailed
from logsrv.cli.client.peer import RETRY_SECONDS, DatagramPeer, StreamPeer
from logsrv.cli.client.target import parse_target
from logsrv.cli.client.wire import StreamInputEncoder
from logsrv.errors import ConfigurationError
from logsrv.kit.net.twisted.client_tls import TLSOptions

Waits = Generator[Deferred[Any], Any, None]


def conversation(display: Display | None = None) -> LineConversation:
    return LineConversation(
        display=display or Display(),
        wire=StreamInputEncoder(None),
        wait=None,
        is_typed=False,
        reactor=Clock(),
    )


def dialled(
    text: str, options: TLSOptions | None = None, about: LineConversation | None = None
) -> Deferred[StreamPeer | DatagramPeer]:
    return Deferred.fromCoroutine(
        dial(parse_target(text), options or TLSOptions(), about or conversation(), 5, reactor)
    )


@pytest_twisted.inlineCallbacks
def test_a_connection_is_established_and_closed():
    about = conversation()
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = yield dialled(f"127.0.0.1:{server.getsockname()[1]}", about=about)
        connection, _ = server.accept()
        peer.close()
        reason = yield about.ended
        assert connection.recv(1) == b""
        connection.close()
    assert isinstance(reason, ConnectionDone)


@pytest_twisted.inlineCallbacks
def test_a_peer_that_goes_with_the_last_bytes_is_told_no_end(monkeypatch):
    """Twisted cannot close one side of a connection that is gone."""
    about = attrs.evolve(conversation(), wire=StreamInputEncoder(b"\r\n"))
    ends: list[bool] = []

    class Leaving:
        async def send(self, data: bytes) -> None:
            if data == b"\r":
                about.end_conversation(ConnectionDone())

        def end_input(self) -> bool:
            ends.append(True)
            return True

    def said(_: int, take: Any, __: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(take(b"last\r"))

    monkeypatch.setattr(conversation_module, "read_all", said)
    leaving: Any = Leaving()
    yield Deferred.fromCoroutine(about.converse(leaving, parse_target("localhost:1")))
    assert not ends


@pytest_twisted.inlineCallbacks
def test_an_ipv6_address_in_brackets_is_dialled():
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    about = conversation()
    with server:
        peer = yield dialled(f"[::1]:{server.getsockname()[1]}", about=about)
        peer.close()
        yield about.ended


@pytest_twisted.inlineCallbacks
def test_nothing_is_left_of_a_socket_that_could_not_be_connected(monkeypatch):
    """A UNIX socket of datagrams needs a path of its own for the answers, of at most 107 bytes."""
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr("tempfile.tempdir", short)
        with pytest.raises(ConnectionFailed, match="there is no socket"):
            yield dialled(f"unixgram:{short}/no")
        assert os.listdir(short) == []


@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize("text", ["localhost:1", "unix:/x", "udp:1", "tcp:host=localhost:port=1"])
def test_tls_options_without_tls_are_refused(text):
    with pytest.raises(ConfigurationError, match="is not encrypted"):
        yield dialled(text, TLSOptions(server_name="x"))


@pytest_twisted.inlineCallbacks
def test_a_wrong_endpoint_string_of_twisted_is_refused():
    with pytest.raises(ConfigurationError, match="tcp:hst=localhost:port=1"):
        yield dialled("tcp:hst=localhost:port=1")


def stream(about: LineConversation) -> StreamPeer:
    made = StreamPeer(about.show_received, about.end_conversation, encrypted=False)
    made.makeConnection(StringTransport())
    return made


def test_what_comes_is_shown_and_telnet_is_answered(capfdbinary):
    made = stream(conversation(TextDisplay()))
    made.dataReceived(b"hello\xff\xfb\x01\r\n")
    assert capfdbinary.readouterr().out == b"hello\n"
    assert made.transport.value() == b"\xff\xfe\x01"


@pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost()])
def test_a_conversation_ends_with_its_reason(reason):
    about = conversation()
    stream(about).connectionLost(Failure(reason))
    assert about.ended.result is reason


def test_a_character_that_never_ended_is_shown(capfdbinary):
    made = stream(conversation(TextDisplay()))
    made.dataReceived(b"caf\xc3")
    made.connectionLost(Failure(ConnectionDone()))
    assert capfdbinary.readouterr().out == b"caf\\xc3"


def test_a_peer_that_does_not_read_holds_the_sender_back():
    made = stream(conversation())
    assert Deferred.fromCoroutine(made.send(b"one")).called
    made.transport.producer.pauseProducing()
    waiting = Deferred.fromCoroutine(made.send(b"two"))
    assert not waiting.called
    made.transport.producer.resumeProducing()
    assert waiting.called


def test_nobody_waits_for_a_connection_that_has_gone():
    made = stream(conversation())
    made.transport.producer.pauseProducing()
    waiting = Deferred.fromCoroutine(made.send(b"one"))
    made.connectionLost(Failure(ConnectionLost()))
    assert waiting.called


class Reactor(Clock):
    """A clock with which a peer can be registered."""

    def addReader(self, reader: Any) -> None: ...

    def removeReader(self, reader: Any) -> None: ...


class SlowSocket:
    """Takes a datagram now and then, as a UNIX socket does whose reader is slow."""

    def __init__(self) -> None:
        self.takes = False
        self.written: list[bytes] = []
        self.number = 0

    def fileno(self) -> int:
        return self.number

    def send(self, data: bytes) -> None:
        if not self.takes:
            raise BlockingIOError
        self.written.append(data)

    def close(self) -> None:
        self.number = -1


def datagrams(made: Any, clock: Reactor) -> DatagramPeer:
    about, place = conversation(), ExitStack()
    place.callback(made.close)
    return DatagramPeer(made, place, about.show_received, about.end_conversation, clock)


def test_datagrams_that_are_not_taken_are_sent_again():
    clock, slow = Reactor(), SlowSocket()
    waiting = Deferred.fromCoroutine(datagrams(slow, clock).send(b"one"))
    clock.advance(RETRY_SECONDS)
    assert not waiting.called
    slow.takes = True
    clock.advance(RETRY_SECONDS)
    assert waiting.called
    assert slow.written == [b"one"]


def test_no_more_is_sent_after_the_end():
    clock, slow = Reactor(), SlowSocket()
    made = datagrams(slow, clock)
    waiting = Deferred.fromCoroutine(made.send(b"one"))
    made.close()
    clock.advance(RETRY_SECONDS)
    assert waiting.called and not clock.getDelayedCalls()


@pytest_twisted.inlineCallbacks
def test_the_next_chunk_is_read_when_the_last_one_is_taken():
    """So a slow server holds back the program that feeds us, and memory stays small."""
    reader, writer = os.pipe()
    taken: list[bytes] = []
    slow: list[Deferred[None]] = []
    came: list[Deferred[None]] = [Deferred(), Deferred()]

    async def take(data: bytes) -> None:
        taken.append(data)
        slow.append(Deferred())
        came[len(taken) - 1].callback(None)
        await slow[-1]

    ended = read_all(reader, take, reactor)
    os.write(writer, b"one")
    yield came[0]
    os.write(writer, b"two")
    os.write(writer, b"three")
    assert taken == [b"one"]
    slow[0].callback(None)
    yield came[1]
    assert taken == [b"one", b"twothree"]
    os.close(writer)
    slow[1].callback(None)
    yield ended
    os.close(reader)


@pytest_twisted.inlineCallbacks
def test_a_file_of_any_kind_is_read_to_its_end(tmp_path):
    """Of any kind, also where the reactor could not watch it."""
    data = os.urandom(2 * CHUNK + 1)
    (tmp_path / "input").write_bytes(data)
    taken = []

    async def take(chunk: bytes) -> None:
        taken.append(chunk)

    descriptor = os.open(tmp_path / "input", os.O_RDONLY)
    yield read_all(descriptor, take, reactor)
    os.close(descriptor)
    assert b"".join(taken) == data
