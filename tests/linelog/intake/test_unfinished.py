"""Half records of many peers: never more than so many bytes, and who waits longest gives way."""

import struct
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.linelog.formats.forward.input import Forward
from logsrv.linelog.formats.gelf.input import Gelf
from logsrv.linelog.formats.journal.input import Journal
from logsrv.linelog.formats.lumberjack.input import Lumberjack
from logsrv.linelog.formats.python.input import Python
from logsrv.linelog.formats.relp.input import Relp
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.intake.unfinished import BODIES, UnfinishedData
from tests.parts.reactor import logged
from tests.parts.sinks import Sink, intake

MOST = 20_000


class Half:
    def __init__(self) -> None:
        self.gone = False

    def give_way(self) -> None:
        self.gone = True


def test_the_holder_that_waits_longest_gives_way():
    unfinished = UnfinishedData(lambda: 50)
    first, second, third = Half(), Half(), Half()
    unfinished.note(first, 40, 40)
    unfinished.note(second, 40, 40)
    # A record of it was completed, so it waits for another one.
    unfinished.note(first, 30, 40)
    unfinished.note(third, 30, 30)
    assert unfinished.size == 100 and not second.gone
    unfinished.note(third, 31, 1)
    assert [one.gone for one in (first, second, third)] == [False, True, False]
    assert unfinished.size == 61
    unfinished.note(third, 200, 169)
    assert [one.gone for one in (first, second, third)] == [True, True, True]
    assert unfinished.size == 0


def test_a_holder_that_is_gone_is_forgotten():
    unfinished = UnfinishedData(lambda: 50)
    half = Half()
    unfinished.note(half, 40, 40)
    unfinished.forget(half)
    unfinished.forget(half)
    assert unfinished.size == 0


class Resumed:
    """A sender that notes at each resume whether there is room, and waits again."""

    def __init__(self, unfinished: UnfinishedData) -> None:
        self.full: list[bool] = []
        self._unfinished = unfinished

    def pauseProducing(self) -> None:
        """It does not send."""

    def resumeProducing(self) -> None:
        self.full.append(self._unfinished.are_full(1))
        self._unfinished.resume_after_answer(self)


def test_a_sender_that_waits_again_as_it_is_resumed_is_resumed_by_the_next_answer():
    """Otherwise it would wait for ever, or read on although there is no room."""
    unfinished = UnfinishedData(lambda: 50)
    sender = Resumed(unfinished)
    for _ in range(4):
        unfinished.note_question(1)
    unfinished.resume_after_answer(sender)
    for _ in range(4):
        unfinished.note_answer(1)
    assert sender.full == [True, False, False, False]


def test_an_answer_that_is_asked_for_as_another_is_admitted_waits_for_its_room():
    unfinished = UnfinishedData(lambda: 50)
    first, second, third = (unfinished.admit(60) for _ in range(3))
    last: list[Any] = []
    second.addCallback(lambda _: last.append(unfinished.admit(60)))
    unfinished.release(first)
    assert second.called and not third.called and not last[0].called
    assert unfinished.held == 60
    for one in (second, third):
        unfinished.release(one)
    assert last[0].called and unfinished.held == 60


def test_an_answer_that_is_given_up_as_another_is_admitted_takes_no_room():
    unfinished = UnfinishedData(lambda: 50)
    first, second, third = (unfinished.admit(size) for size in (100, 10, 10))
    second.addCallback(lambda _: unfinished.release(third))
    unfinished.release(first)
    assert second.called and not third.called
    unfinished.release(second)
    assert unfinished.held == 0


SIZES = st.sampled_from([10, 30, 60, 120])


@example([10, -1, 120, 120, -1])
@example([60, 60, 10, -2, -1])
@given(st.lists(st.one_of(SIZES, st.integers(-4, -1)), max_size=25))
def test_answers_are_admitted_in_their_order_as_far_as_there_is_room(steps):
    """A positive number asks for room, a negative one gives back that of one of the first answers."""
    unfinished = UnfinishedData(lambda: 50)
    open_ones: list[tuple[int, Deferred[None]]] = []
    for step in steps:
        if step > 0:
            open_ones.append((step, unfinished.admit(step)))
        elif open_ones:
            unfinished.release(open_ones.pop(min(-step, len(open_ones)) - 1)[1])
        admitted = [size for size, one in open_ones if one.called]
        assert [one.called for _, one in open_ones[: len(admitted)]] == [True] * len(admitted)
        assert unfinished.held == sum(admitted)
        assert len(admitted) < 2 or sum(admitted) <= unfinished.most_held
        # None waits for nothing.
        if len(admitted) < len(open_ones):
            following = open_ones[len(admitted)][0]
            assert admitted and sum(admitted) + following > unfinished.most_held


def test_a_sender_that_was_resumed_and_reads_on_is_not_resumed_again():
    unfinished = UnfinishedData(lambda: 50)
    resumed: list[int] = []
    for number in range(3):
        unfinished.note_question(1)
        sender: Any = StringTransport()
        sender.resumeProducing = partial(resumed.append, number)
        unfinished.resume_after_answer(sender)
        unfinished.note_answer(1)
    assert resumed == [0, 1, 2]


def test_a_holder_that_fails_as_it_gives_way_is_forgotten_and_the_next_ones_have_room():
    class Failing(Half):
        def give_way(self) -> None:
            tries.append(1)
            if len(tries) < 9:
                raise ZeroDivisionError("a bug")

    unfinished, tries = UnfinishedData(lambda: 50), list[int]()
    with logged():
        for _ in range(4):
            unfinished.note(Failing(), 40, 40)
    assert len(tries) == 2 and unfinished.size == 80


BEGINNINGS = {
    "relp": (Relp(), b"1 open 0 \n2 syslog 9000 "),
    "forward": (Forward(), b"\x93\xa1t\xdb" + struct.pack(">I", 9000)),
    "lumberjack": (Lumberjack(), b"2W\0\0\0\1" + b"2C" + struct.pack(">I", 9000)),
    "python": (Python(), struct.pack(">I", 9000)),
    "gelf": (Gelf(), b""),
    "journal": (
        Journal(),
        b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nA\n"
        + struct.pack("<Q", 8000),
    ),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_half_open_sessions_are_bounded_together(name):
    """Twenty peers begin a record each; the first of them are let go, the last one ends its own."""
    input_, beginning = BEGINNINGS[name]
    way = intake(Sink(), options=InputOptions(max_body=MOST))
    factory: Any = input_.stream(way)
    peers = []
    for _ in range(20):
        protocol, transport = factory.buildProtocol(None), StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(beginning)
        protocol.dataReceived(b"x" * 5000)
        peers.append((protocol, transport))
        assert way.unfinished.size <= BODIES * MOST
    gone = [
        transport.disconnecting or transport.value().startswith(b"HTTP/1.1 503")
        for _, transport in peers
    ]
    assert 12 <= sum(gone) <= 13 and gone == sorted(gone, reverse=True)
    for protocol, _ in peers:
        protocol.connectionLost(Failure(ConnectionDone()))
    assert way.unfinished.size == 0
