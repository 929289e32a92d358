"""Turns: costly senders wait for each other, others come first, and the store is waited for."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from logsrv.kit.framing.frames import LengthPrefix
from logsrv.linelog.formats.lines.input import Lines
from logsrv.linelog.intake.frames import FrameInput
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.turns import LAST_SECONDS, LITTLE, LONG, MOST_IN_A_TURN, MUCH, Turns
from logsrv.linelog.store.valve import Valve
from tests.parts.sinks import SlowStore, intake, turn


class Waiter:
    """A sender whose work takes some seconds of each of its turns."""

    def __init__(self, turns: Turns, clock: Clock, took: list[str], name: str) -> None:
        self.turns, self.clock, self.took, self.name = turns, clock, took, name
        self.seconds, self.left = LONG, 1

    def take_turn(self) -> None:
        """Work for `seconds`; wait again until `left` turns are taken."""
        self.took.append(self.name)
        self.clock.rightNow += self.seconds
        self.turns.count(self.seconds)
        self.left -= 1
        if self.left:
            self.turns.wait_as_costly(self)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def valve(clock: Clock) -> Valve:
    return Valve(clock)


@pytest.fixture
def turns(valve: Valve, clock: Clock) -> Turns:
    return Turns(valve, clock, clock.seconds)


@pytest.fixture
def took() -> list[str]:
    return []


def waiters(turns: Turns, clock: Clock, took: list[str], names: str) -> list[Waiter]:
    return [Waiter(turns, clock, took, name) for name in names]


def test_one_costly_sender_goes_on_in_each_turn(turns, clock, took):
    for one in waiters(turns, clock, took, "abc"):
        one.left = 2
        turns.wait_as_costly(one)
    for number in range(1, 7):
        turn(clock)
        assert took == list("abcabc"[:number])
    assert not clock.getDelayedCalls()


def test_early_ones_go_before_costly_ones_as_many_as_a_turn_has_room_for(turns, clock, took):
    costly, *early = waiters(turns, clock, took, "cabde")
    turns.wait_as_costly(costly)
    for one in early:
        one.seconds = MOST_IN_A_TURN * 0.4
        turns.wait(one)
    turn(clock)
    assert took == ["a", "b", "d", "c"]
    turn(clock)
    assert took == ["a", "b", "d", "c", "e"]


def test_a_turn_is_spent_until_the_next_one(turns, clock):
    assert not turns.is_spent
    turns.count(MOST_IN_A_TURN / 2)
    assert not turns.is_spent
    turns.count(MOST_IN_A_TURN / 2)
    assert turns.is_spent
    turn(clock)
    assert not turns.is_spent


def test_none_goes_on_while_the_store_has_enough(turns, valve, clock, took):
    """Else all of them would be read from in the turn in which it has room again."""
    first, second = waiters(turns, clock, took, "ab")
    turns.wait_as_costly(first)
    turns.wait_as_costly(second)
    valve.close()
    for _ in range(5):
        turn(clock)
    assert first in turns and second in turns
    valve.open()
    assert took == ["a"] and second in turns
    turn(clock)
    assert took == ["a", "b"] and second not in turns


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_who_fails_in_its_turn_stops_nobody_else(turns, clock, took, error):
    failing, other = waiters(turns, clock, took, "ab")

    def fail() -> None:
        took.append("a")
        raise error

    failing.take_turn = fail  # type: ignore[method-assign]
    turns.wait(failing)
    turns.wait(other)
    with capturedLogs() as logs:
        turn(clock)
    assert took == ["a", "b"]
    assert len(logs) == 1 and "log_failure" in logs[0]


def test_a_coroutine_waits_for_a_turn(turns, clock, took):
    """Behind the costly ones before it."""
    turns.wait_as_costly(waiters(turns, clock, took, "a")[0])
    turns.next_turn().addCallback(lambda _: took.append("coroutine"))
    turn(clock)
    assert took == ["a"]
    turn(clock)
    assert took == ["a", "coroutine"]


def test_the_rest_is_done_at_the_end_although_the_store_waits(turns, valve, clock, took):
    (one,) = waiters(turns, clock, took, "a")
    one.left = 20
    valve.close()
    turns.wait(one)
    assert turns.finish() == 0 and len(took) == 20


def test_what_takes_too_long_at_the_end_is_given_up(turns, clock, took):
    for one in waiters(turns, clock, took, "ab"):
        one.seconds, one.left = LAST_SECONDS / 2, 9
        turns.wait(one)
    assert turns.finish() == 2 and len(took) == 2


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
    used = [0.0]
    way = intake(SlowStore(), cpu=lambda: used[0])
    peer = Peer(way)
    receive = peer.protocol._framer.receive

    class Slow:
        closing, answering, more, waits = None, False, False, ()

        def receive(self, chunk: bytes) -> Any:
            used[0] += seconds
            return receive(chunk)

    peer.protocol._framer = Slow()
    peer.read(b"x" * (size - 1) + b"\n")
    assert peer.reads is not waits
    turn(way.clock)
    assert peer.reads


def test_usual_lines_are_not_costly():
    """256 KiB of them, and of short ones too, which take a sixth of `LONG` where nothing else goes on."""
    way = intake(SlowStore())
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
