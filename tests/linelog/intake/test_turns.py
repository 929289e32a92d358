"""Long work in slices: others are served between them, the store is waited for, all of it is done."""

import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import wait
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.kit.framing.frames import LengthPrefix
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.formats.lines.input import Lines
from logsrv.linelog.intake.frames import FrameInput
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.turns import (
    FEW,
    LAST_SECONDS,
    LITTLE,
    LONG,
    MANY,
    MUCH,
    ComputingThread,
    CostlySenders,
    TimeSlices,
)
from logsrv.linelog.lines.long_work import LongWork
from logsrv.linelog.store.valve import Valve
from tests.parts.clocks import Slow
from tests.parts.sinks import SlowStore, intake, turn


def work(name: str, steps: int, done: list[str]) -> Iterator[None]:
    for number in range(steps):
        done.append(f"{name}{number}")
        yield


class Ends:
    """Remembers how work ended."""

    def __init__(self) -> None:
        self.failures: list[Failure | None] = []

    def __call__(self, failure: Failure | None) -> None:
        self.failures.append(failure)


def test_what_takes_little_is_done_at_once():
    clock, done, ends = Clock(), list[str](), Ends()
    TimeSlices(Valve(clock), clock).begin(work("a", 1000, done), ends)
    assert len(done) == 1000 and ends.failures == [None]
    assert not clock.getDelayedCalls()


def test_what_failed_work_has_made_is_given_back_at_once():
    """Not when the garbage collector comes by: a few bad messages may have become hundreds of megabytes."""

    class Made:
        pass

    kept: list[weakref.ref[Made]] = []

    def steps() -> Iterator[None]:
        made = Made()
        kept.append(weakref.ref(made))
        yield
        raise ValueError

    clock, ended = Clock(), list[bool]()
    gc.disable()
    try:
        time_slices = TimeSlices(Valve(clock), clock)
        time_slices.begin(steps(), lambda failure: ended.append(failure is not None))
        assert ended == [True]
        assert kept[0]() is None
    finally:
        gc.enable()


def test_a_slice_in_each_turn_of_the_reactor_for_one_after_the_other():
    clock, done, ends = Slow(), list[str](), Ends()
    time_slices = TimeSlices(Valve(clock), clock)
    time_slices.begin(work("a", 6, done), ends)
    time_slices.begin(work("b", 5, done), ends)
    assert done == ["a0", "a1", "a2", "b0", "b1", "b2"]
    del done[:]
    clock.turn()
    assert done == ["a3", "a4", "a5"]
    clock.turn()
    assert done == ["a3", "a4", "a5", "b3", "b4"] and ends.failures == [None]
    clock.turn()
    assert ends.failures == [None, None] and not clock.getDelayedCalls()


def test_many_that_come_together_do_not_all_begin_at_once():
    """A thousand connections may have something in one turn of the reactor."""
    clock, done, ends = Slow(), list[str](), Ends()
    time_slices = TimeSlices(Valve(clock), clock)
    for number in range(100):
        time_slices.begin(work(f"{number}.", 1, done), ends)
    assert 1 < len(done) < 20
    while len(ends.failures) < 100:
        clock.turn()
    assert done == [f"{number}.0" for number in range(100)]


def test_all_begin_at_once_while_the_store_takes_nothing():
    """They are told so."""
    clock, done, ends = Slow(), list[str](), Ends()
    valve = Valve(clock)
    time_slices = TimeSlices(valve, clock)
    valve.close()
    for number in range(100):
        time_slices.begin(work(f"{number}.", 1, done), ends)
    assert len(ends.failures) == 100


def test_only_a_few_go_on_however_many_were_begun():
    """Each keeps what it has made: a thousand bodies that become 100 MiB would be 100 GB."""
    clock, ends, steps = Slow(), Ends(), 100
    time_slices = TimeSlices(Valve(clock), clock)
    made = [list[str]() for _ in range(5 * MANY)]
    for one in made:
        time_slices.begin(work("a", steps, one), ends)
    few = FEW * len(made[0])
    while len(ends.failures) < len(made):
        clock.turn()
        assert sum(few < len(one) < steps for one in made) <= MANY
    assert all(len(one) == steps for one in made)


def test_what_is_short_has_its_turn_among_many_that_are_long():
    clock, done, ends = Slow(), list[str](), Ends()
    time_slices = TimeSlices(Valve(clock), clock)
    for _ in range(5 * MANY):
        time_slices.begin(work("long", 1000, []), Ends())
    time_slices.begin(work("short", 1, done), ends)
    assert not done
    for _ in range(5 * MANY + 1):
        clock.turn()
    assert ends.failures == [None]


def test_what_takes_a_little_more_than_a_slice_does_not_wait_for_what_is_long():
    """Also where it took so long because the machine was busy."""
    clock, done, ends = Slow(), list[str](), Ends()
    time_slices = TimeSlices(Valve(clock), clock)
    for _ in range(MANY):
        time_slices.begin(work("long", 1000, []), Ends())
    for _ in range(MANY * FEW):
        clock.turn()
    time_slices.begin(work("short", 5, done), ends)
    for _ in range(4):
        clock.turn()
    assert ends.failures == [None]


def test_what_fails_ends_with_its_failure_and_others_go_on():
    clock, done, ends = Slow(), list[str](), Ends()
    time_slices = TimeSlices(Valve(clock), clock)

    def failing() -> Iterator[None]:
        yield from work("a", 4, done)
        raise ValueError("broken")

    time_slices.begin(failing(), ends)
    time_slices.begin(work("b", 4, done), ends)
    for _ in range(4):
        clock.turn()
    assert done[-1] == "b3"
    assert [one and one.type for one in ends.failures] == [ValueError, None]


def test_who_fails_when_it_has_ended_stops_nobody_else():
    clock, done, ends = Slow(), list[str](), Ends()
    time_slices = TimeSlices(Valve(clock), clock)

    def failing(_: Failure | None) -> None:
        raise ValueError("broken")

    time_slices.begin(work("a", 4, done), failing)
    time_slices.begin(work("b", 4, done), ends)
    for _ in range(4):
        clock.turn()
    assert ends.failures == [None]


def test_nothing_is_done_while_the_store_has_enough():
    clock, done, ends = Slow(), list[str](), Ends()
    valve = Valve(clock)
    time_slices = TimeSlices(valve, clock)
    time_slices.begin(work("a", 9, done), ends)
    valve.close()
    clock.turn()
    assert len(done) == 3 and not clock.getDelayedCalls()
    valve.open()
    while not ends.failures:
        clock.turn()
    assert len(done) == 9


def test_the_rest_is_done_at_the_end_although_the_store_waits():
    clock, done, ends = Slow(), list[str](), Ends()
    valve = Valve(clock)
    time_slices = TimeSlices(valve, clock)
    time_slices.begin(work("a", 100, done), ends)
    valve.close()
    assert time_slices.finish() == 0
    assert len(done) == 100 and ends.failures == [None]
    valve.open()
    clock.turn()
    assert not clock.getDelayedCalls()


def test_what_comes_again_is_given_up_at_the_end_at_once():
    """A stop is not to wait for a body that takes a minute: it was not acknowledged."""
    clock, done, ends = Slow(), list[str](), Ends()
    time_slices = TimeSlices(Valve(clock), clock)
    for number in range(MANY + 2):
        time_slices.begin(work(f"{number}.", 10_000_000, done), ends, again=number != 1)
    for _ in range(20 * FEW):
        clock.turn()
    before, began = [one for one in done if not one.startswith("1.")], clock.seconds()
    assert time_slices.finish() == MANY + 2
    assert [one for one in done if not one.startswith("1.")] == before
    assert LAST_SECONDS <= clock.seconds() - began < 2 * LAST_SECONDS


def test_what_takes_too_long_at_the_end_is_given_up():
    clock, done, ends = Slow(), list[str](), Ends()
    time_slices = TimeSlices(Valve(clock), clock)
    time_slices.begin(work("a", 10_000_000, done), ends)
    assert time_slices.finish() == 1
    assert clock.seconds() < 2 * LAST_SECONDS and not ends.failures
    clock.turn()
    assert not clock.getDelayedCalls()


def test_others_go_on_while_a_thread_does_long_work():
    """A step that no clock interrupts, such as the parsing of a strange record of a megabyte."""
    clock, done, ends, others = Slow(), list[str](), Ends(), Ends()
    time_slices, go_on = TimeSlices(Valve(clock), clock), threading.Event()
    long = LongWork(lambda: go_on.wait(PATIENCE))

    def steps() -> Iterator[object]:
        yield long
        done.append(f"long {long.result()}")

    time_slices.begin(steps(), ends)
    time_slices.begin(work("other", 3, done), others)
    while not others.failures:
        clock.turn()
    assert done == ["other0", "other1", "other2"] and others.failures == [None]
    assert not ends.failures
    go_on.set()

    def over() -> bool:
        clock.turn()
        return bool(ends.failures)

    wait_until(over, "the end of the long work")
    assert done[-1] == "long True" and ends.failures == [None]


def test_short_work_does_not_stand_behind_what_waits_for_the_other_thread():
    """An event of 100 bytes waited 10 s behind 64 peers with a megabyte of chosen keys each."""
    clock, done, go_on = Clock(), list[str](), threading.Event()
    time_slices = TimeSlices(Valve(clock), clock)
    for _ in range(9):
        time_slices.begin(iter([LongWork(lambda: go_on.wait(PATIENCE))]), Ends())
    time_slices.count_seconds(1)
    time_slices.begin(work("short", 3, done), ends := Ends())
    try:
        turn(clock)
        assert done == ["short0", "short1", "short2"]
        assert ends.failures == [None]
    finally:
        go_on.set()


SECONDS = 60


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "computing"]


def test_one_piece_after_the_other_in_another_thread():
    computing, done, before = ComputingThread(), list[str](), threads()
    begin = threading.Event()
    works = [
        LongWork(lambda: done.append(f"{begin.wait(SECONDS)} {threading.get_ident()}")),
        LongWork(lambda: [][1]),
        LongWork(lambda: done.append("last")),
    ]
    for work in works:
        computing.begin(work)
    assert not works[2].done()
    begin.set()
    assert not wait(works, SECONDS).not_done
    first, last = done
    assert first.startswith("True ") and str(threading.get_ident()) not in first
    assert last == "last"
    [thread] = set(threads()) - set(before)
    computing.end()
    thread.join(SECONDS)
    assert not thread.is_alive()


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
