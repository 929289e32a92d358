"""Senders of what takes long to take in wait for each other, and nobody else waits for them."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.kit.framing.frames import LengthPrefix
from logsrv.linelog.formats.lines.input import Lines
from logsrv.linelog.intake.costly_senders import LITTLE, LONG, MUCH, CostlySenders
from logsrv.linelog.intake.frames import FrameInput
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.store.valve import Valve
from tests.parts.sinks import SlowStore, intake, turn

# Stored, each of them has some 50 bytes.
LINE_ENDS = b"\n" * (MUCH // 40)


class Peer:
    """A connection, whose chunks come in turns as long as nothing pauses it."""

    def __init__(self, way: Intake, kind: Any = None) -> None:
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 5))
        self.protocol: Any = (kind or Lines()).stream(way).buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.chunks = 0

    @property
    def reads(self) -> bool:
        return self.transport.producerState == "producing"

    def read(self, data: bytes) -> None:
        if self.reads:
            self.chunks += 1
            self.protocol.dataReceived(data)


@pytest.mark.slow
def test_one_costly_sender_is_read_from_in_a_turn():
    """Each in its turn; and a polite peer in every one."""
    store = SlowStore()
    way = intake(store)
    polite, *hostile = [Peer(way) for _ in range(11)]
    for _ in range(40):
        turn(way.clock)
        for one in hostile:
            one.read(LINE_ENDS)
        polite.read(b"polite\n")
        store.write()
    # In the first turn nobody knows what they are like.
    assert polite.chunks >= 39
    chunks = [one.chunks for one in hostile]
    assert max(chunks) - min(chunks) <= 2 and 30 < sum(chunks) <= 10 + 40


@pytest.mark.parametrize(
    ("seconds", "size", "waits"),
    [(LONG / 2, LITTLE * 2, False), (LONG * 2, LITTLE * 2, True), (LONG * 9, LITTLE, False)],
)
def test_a_slow_chunk_is_costly_however_little_is_stored(seconds, size, waits):
    """But a few bytes never are: the machine was busy with something else."""
    way = intake(SlowStore())
    way.cpu = way.clock.seconds
    peer = Peer(way)
    receive = peer.protocol._framer.receive

    class Slow:
        closing, answering, more, waits = None, False, False, ()

        def receive(self, chunk: bytes) -> Any:
            clock: Any = way.clock
            clock.advance(seconds)
            return receive(chunk)

    peer.protocol._framer = Slow()
    peer.read(b"x" * (size - 1) + b"\n")
    assert peer.reads is not waits
    turn(way.clock)
    assert peer.reads


def test_usual_lines_are_not_costly():
    """256 KiB of them, and of short ones too, which take a sixth of `LONG` where nothing else goes on."""
    way = intake(SlowStore())
    way.cpu = way.clock.seconds
    peer = Peer(way)
    for line in (b"x" * 99 + b"\n", b"x" * 20 + b"\n"):
        peer.read(line * ((256 << 10) // len(line)))
        assert peer.reads


def test_frames_are_measured_as_well():
    class Numbered(FrameInput):
        name = "numbered"
        framing = LengthPrefix(1)

    way = intake(SlowStore())
    peer = Peer(way, Numbered())
    peer.read(b"\1x" * (MUCH // 40))
    assert not peer.reads
    turn(way.clock)
    assert peer.reads


def test_a_costly_sender_that_has_gone_holds_nobody_up():
    way = intake(SlowStore())
    gone, other = Peer(way), Peer(way)
    for peer in (gone, other):
        peer.read(LINE_ENDS)
    gone.protocol.connectionLost(Failure(ConnectionDone()))
    turn(way.clock)
    assert other.reads and not gone.reads


def test_no_costly_sender_goes_on_while_the_store_has_enough():
    """Else all of them would be read from in the turn in which it has room again."""
    way = intake(SlowStore())
    valve = Valve(way.clock)
    costly_senders = CostlySenders(valve, way.clock)
    first, second = StringTransport(), StringTransport()
    for one in (first, second):
        costly_senders.pause_and_queue(one)
    valve.close()
    for _ in range(5):
        turn(way.clock)
    assert first in costly_senders and second in costly_senders
    valve.open()
    assert first not in costly_senders and second in costly_senders
    turn(way.clock)
    assert second not in costly_senders


def test_nothing_else_resumes_a_costly_sender_that_waits():
    store = SlowStore()
    way = intake(store)
    peer, other = Peer(way), Peer(way)
    for one in (other, peer):
        one.read(LINE_ENDS)
    peer.protocol.resumeProducing()
    assert not peer.reads
    turn(way.clock)
    assert other.reads and not peer.reads
