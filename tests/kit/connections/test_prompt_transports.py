"""Transports that send at once what the system takes, and close within their protocol's turn."""

import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from logsrv.kit import LineProtocol
from logsrv.kit.connections._streams import MOST_RECEIVED
from logsrv.kit.net._ports import use_our_classes
from logsrv.kit.testing import serve
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.reactor import REACTOR, until

MUCH = 8 << 20


def all_of(peer: socket.socket) -> bytes:
    """All that comes to the end, and nothing is read before it is asked for."""
    # Bytes would be copied for each piece: 8 GB in all.
    found = bytearray()
    while data := peer.recv(1 << 16):
        found += data
    return bytes(found)


class Answering(Protocol):
    """Writes in several ways, and closes while it gets data."""

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        for number in range(3):
            self.transport.write_at_once(b"%d" % number * MUCH)
            self.transport.write(b"<%d>" % number)
        self.transport.write_at_once(b"end")
        self.transport.loseConnection()
        self.transport.write(b"!")


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.settimeout(PATIENCE)
        yield made


@pytest.mark.slow
async def test_bytes_of_both_ways_keep_their_order_while_the_peer_reads_nothing(peer):
    """What the system does not take waits, and then nothing overtakes it."""
    port = REACTOR.listenTCP(0, Factory.forProtocol(Answering), interface="127.0.0.1")
    use_our_classes(port)
    try:
        peer.connect(("127.0.0.1", port.getHost().port))
        peer.sendall(b"x")
        found = await deferToThread(all_of, peer)
    finally:
        await port.stopListening()
    assert found == b"".join(b"%d" % n * MUCH + b"<%d>" % n for n in range(3)) + b"end!"


class Farewell(LineProtocol):
    """Says goodbye to each line, and more after it."""

    def line_received(self, line: str) -> None:
        self.send_line("one")
        self.close("bye")
        self.send_line("never")


async def test_last_words_are_whole_and_nothing_follows(peer):
    served = serve(Farewell)
    try:
        peer.connect(("127.0.0.1", served.port))
        peer.sendall(b"a\nb\n")
        assert await deferToThread(all_of, peer) == b"one\r\nbye\r\n"
    finally:
        await served.stop()


class Noting(Protocol):
    """Notes the order of calls, and does what its factory says while it is called."""

    transport: Any
    factory: Any

    def note(self, doing: str) -> None:
        self.factory.calls.append(doing)

    def act(self, called: str) -> None:
        if called == self.factory.acts_in:
            self.note("begins")
            self.factory.act(self.transport)
            self.note("returns")

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        self.act("connectionMade")

    def dataReceived(self, data: bytes) -> None:
        self.note("gets data")
        self.act("dataReceived")

    def pauseProducing(self) -> None:
        self.note("pauses")

    def resumeProducing(self) -> None:
        self.note("resumes")
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def stopProducing(self) -> None:
        """The end of the connection is noted."""

    def connectionLost(self, reason: object = None) -> None:
        self.note("is lost")


def say_and_close(transport: Any) -> None:
    transport.write_at_once(b"said")
    transport.unregisterProducer()
    transport.loseConnection()


def say_much(transport: Any) -> None:
    transport.write_at_once(b"said" * MUCH)


def abort(transport: Any) -> None:
    transport.unregisterProducer()
    transport.loseConnection()
    transport.abortConnection()


@pytest.mark.parametrize("called", ["connectionMade", "dataReceived"])
@pytest.mark.parametrize(
    ("act", "calls"),
    [
        (say_and_close, ["begins", "returns", "is lost"]),
        (say_much, ["begins", "pauses", "returns", "resumes", "is lost"]),
        (abort, ["begins", "returns", "is lost"]),
    ],
)
async def test_nothing_is_called_back_before_the_protocol_has_returned(called, act, calls, peer):
    """Neither the end of the connection nor a call for more comes in the middle of `write` or `close`."""
    factory: Any = Factory.forProtocol(Noting)
    factory.calls, factory.acts_in, factory.act = [], called, act
    port = REACTOR.listenTCP(0, factory, interface="127.0.0.1")
    use_our_classes(port)
    try:
        peer.connect(("127.0.0.1", port.getHost().port))
        if called == "dataReceived":
            calls = ["gets data", *calls]
            peer.sendall(b"x")
        reading = deferToThread(all_of, peer)
        await until(lambda: "is lost" in factory.calls, "the end")
        assert factory.calls == calls
        if act is abort:
            with pytest.raises(ConnectionResetError):
                await reading
        else:
            assert (await reading).startswith(b"said")
    finally:
        await port.stopListening()


async def test_a_peer_that_resets_while_it_is_answered_is_lost_after_the_call(peer):
    factory: Any = Factory.forProtocol(Noting)
    factory.calls, factory.acts_in = [], "dataReceived"

    def answer(transport: Any) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        for _ in range(3):
            transport.write_at_once(b"said")

    factory.act = answer
    port = REACTOR.listenTCP(0, factory, interface="127.0.0.1")
    use_our_classes(port)
    try:
        peer.connect(("127.0.0.1", port.getHost().port))
        peer.sendall(b"x")
        await until(lambda: "is lost" in factory.calls, "the end")
    finally:
        await port.stopListening()
    assert factory.calls == ["gets data", "begins", "returns", "is lost"]


class Passing(Protocol):
    """Sends a descriptor and words, and closes."""

    transport: Any
    factory: Any

    def dataReceived(self, data: bytes) -> None:
        self.transport.sendFileDescriptor(self.factory.descriptor)
        self.transport.write_at_once(b"words")
        self.transport.loseConnection()


async def test_a_descriptor_goes_with_the_words_after_it(tmp_path):
    place = str(tmp_path / "socket")
    factory: Any = Factory.forProtocol(Passing)
    port = REACTOR.listenUNIX(place, factory)
    use_our_classes(port)
    try:
        with socket.socket(socket.AF_UNIX) as peer, open(os.devnull) as file:
            factory.descriptor = file.fileno()
            peer.settimeout(PATIENCE)
            peer.connect(place)
            peer.sendall(b"x")
            words, descriptors, _, _ = await deferToThread(socket.recv_fds, peer, 64, 1)
            assert len(descriptors) == 1
            os.close(descriptors[0])
            assert words + await deferToThread(all_of, peer) == b"words"
    finally:
        await port.stopListening()


class HalfClosing(Protocol):
    """Ends its output, and then still hears the peer."""

    transport: Any
    factory: Any

    def dataReceived(self, data: bytes) -> None:
        self.factory.heard += data
        self.transport.write_at_once(b"last")
        self.transport.loseWriteConnection()
        self.transport.write_at_once(b" words")


async def test_what_is_written_before_a_half_close_is_sent_and_the_peer_is_heard(peer):
    factory: Any = Factory.forProtocol(HalfClosing)
    factory.heard = b""
    port = REACTOR.listenTCP(0, factory, interface="127.0.0.1")
    use_our_classes(port)
    try:
        peer.connect(("127.0.0.1", port.getHost().port))
        peer.sendall(b"x")
        assert await deferToThread(all_of, peer) == b"last words"
        peer.sendall(b"y")
        await until(lambda: factory.heard == b"xy", "the rest")
    finally:
        await port.stopListening()


class Greeting(LineProtocol):
    """Says one word and closes."""

    def connection_made(self) -> None:
        self.close("hello")


async def test_who_was_greeted_may_come_again_at_once():
    """The connection has ended before the peer can know: it never counts as one too many."""
    served = serve(Greeting, "--max-connections-per-peer", "1")

    def visit() -> list[bytes]:
        words = []
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as visitor:
                words.append(all_of(visitor))
        return words

    try:
        assert await deferToThread(visit) == [b"hello\r\n"] * 100
    finally:
        await served.stop()


class Echo(LineProtocol):
    """Answers each line, and notes how many bytes of lines it has had in a turn of the reactor."""

    turn = 0
    in_turns: Counter[int] = Counter()

    def line_received(self, line: str) -> None:
        self.in_turns[Echo.turn] += len(line)
        self.send_line(line)


async def test_a_peer_that_sends_without_end_and_takes_all_has_a_part_of_each_turn(peer):
    """All its answers leave at once; if its next lines were read at once, too, the others would wait."""
    served = serve(Echo)
    peer.connect(("127.0.0.1", served.port))
    lines, goes_on = (b"x" * 98 + b"\r\n") * 50_000, True

    def count_turns() -> None:
        Echo.turn += 1
        if goes_on:
            REACTOR.callLater(0, count_turns)

    def send() -> None:
        peer.sendall(lines)
        peer.shutdown(socket.SHUT_WR)

    count_turns()
    try:
        sending = deferToThread(send)
        assert await deferToThread(all_of, peer) == lines
        await sending
    finally:
        goes_on = False
        await served.stop()
    assert max(Echo.in_turns.values()) < MOST_RECEIVED * 3 // 4
