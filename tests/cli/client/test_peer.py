"""The other end as those who type see them, without sockets. (With sockets: test_connect.)"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.cli.client.display import Display, TextDisplay
from logsrv.cli.client.peer import RETRY_SECONDS, DatagramPeer, StreamPeer
from logsrv.cli.client.target import parse_target

TARGET = parse_target("localhost:7000")


def stream(shown: list[bytes]) -> StreamPeer:
    made = StreamPeer(TARGET, TextDisplay(), shown.append, 10)
    made.makeConnection(StringTransport())
    return made


def test_what_comes_is_shown_and_telnet_is_answered() -> None:
    shown: list[bytes] = []
    made = stream(shown)
    made.dataReceived(b"hello\xff\xfb\x01\r\n")
    assert b"".join(shown) == b"hello\n"
    assert made.transport.value() == b"\xff\xfe\x01"


def test_the_peers_close_is_no_failure() -> None:
    made = stream([])
    made.connectionLost(Failure(ConnectionDone()))
    assert made.ended.called
    assert made.failure is None


def test_a_connection_that_breaks_is_one() -> None:
    made = stream([])
    made.connectionLost(Failure(ConnectionLost()))
    assert made.ended.called
    assert str(made.failure) == "localhost:7000 broke the connection off without closing it"


def test_a_character_that_never_ended_is_shown() -> None:
    shown: list[bytes] = []
    made = stream(shown)
    made.dataReceived(b"caf\xc3")
    made.connectionLost(Failure(ConnectionDone()))
    assert b"".join(shown) == b"caf\\xc3"


def test_a_peer_that_does_not_read_holds_the_sender_back() -> None:
    made = stream([])
    made.transport.producer.pauseProducing()
    waiting = Deferred.fromCoroutine(made.room())
    assert not waiting.called
    made.transport.producer.resumeProducing()
    assert waiting.called


def test_nobody_waits_for_a_connection_that_has_gone() -> None:
    made = stream([])
    made.transport.producer.pauseProducing()
    waiting = Deferred.fromCoroutine(made.room())
    made.connectionLost(Failure(ConnectionLost()))
    assert waiting.called


def test_there_is_room_at_first() -> None:
    assert Deferred.fromCoroutine(stream([]).room()).called


class SlowSocket:
    """Takes a datagram now and then, as a UNIX socket does whose reader is slow."""

    def __init__(self) -> None:
        self.takes = False
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int | None:
        if not self.takes:
            return None
        self.written.append(data)
        return len(data)

    def stopListening(self) -> None: ...


def test_datagrams_that_are_not_taken_are_sent_again() -> None:
    clock = Clock()
    made = DatagramPeer(TARGET, Display(), lambda shown: None, clock)
    made.transport = SlowSocket()
    made.send(b"one")
    made.send(b"two")
    waiting = Deferred.fromCoroutine(made.room())
    clock.advance(RETRY_SECONDS)
    assert not waiting.called
    made.transport.takes = True
    clock.advance(RETRY_SECONDS)
    assert waiting.called
    assert made.transport.written == [b"one", b"two"]


def test_no_more_is_sent_after_the_end() -> None:
    clock = Clock()
    made = DatagramPeer(TARGET, Display(), lambda shown: None, clock)
    made.transport = SlowSocket()
    made.send(b"one")
    made.close()
    clock.advance(RETRY_SECONDS)
    assert not clock.getDelayedCalls()
