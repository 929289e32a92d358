"""Blocks under way: their answers count in their order, and a failure takes all behind it with it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from logsrv.linelog.ship.blocks.block import PackedBlock
from logsrv.linelog.ship.cutting.cut import CutBlock
from logsrv.linelog.ship.shipping.flights import Flights
from logsrv.linelog.ship.target import Misplaced, Unavailable
from logsrv.linelog.store.segments.segment import Position


class Air:
    """Blocks that were sent: their answers, and which were taken."""

    def __init__(self) -> None:
        self.answers: list[Deferred[None]] = []
        self.taken: list[int] = []
        self.heard: list[object] = []
        self.cancelled = 0
        self.flights = Flights(self._send, self._taken, Clock())

    def _send(self, cut: CutBlock) -> Deferred[None]:
        self.answers.append(Deferred(self._cancel))
        return self.answers[-1]

    def _cancel(self, _: Deferred[None]) -> None:
        self.cancelled += 1

    def _taken(self, cut: CutBlock, since: float) -> None:
        self.taken.append(cut.lines)

    def send(self, number: int) -> None:
        for one in range(number):
            block = PackedBlock("", Position(1, one), Position(1, one + 1), None, 0, b"")
            self.flights.send(CutBlock(block, one, more=True))

    def wait(self) -> None:
        self.flights.wait().addBoth(self.heard.append)

    def fail(self, number: int, error: Exception) -> None:
        self.answers[number].errback(error)


def test_answers_count_in_order() -> None:
    air = Air()
    air.send(3)
    air.wait()
    air.answers[1].callback(None)
    assert not air.taken and not air.heard
    air.answers[0].callback(None)
    assert air.taken == [0, 1] and air.heard == [None] and len(air.flights) == 1
    air.answers[2].callback(None)
    assert air.taken == [0, 1, 2] and not air.flights


def test_a_failure_is_heard_when_all_are_answered_and_is_the_first() -> None:
    air = Air()
    air.send(3)
    air.wait()
    air.fail(2, Misplaced(None))
    air.fail(1, Unavailable("gone"))
    assert air.flights.failed and not air.heard
    air.answers[0].callback(None)
    (failure,) = air.heard
    assert isinstance(failure, Failure) and failure.check(Unavailable)
    assert air.taken == [0] and not air.flights and not air.flights.failed


def test_a_failure_that_nobody_waited_for() -> None:
    air = Air()
    air.send(1)
    air.fail(0, Unavailable("gone"))
    air.wait()
    (failure,) = air.heard
    assert isinstance(failure, Failure) and not air.flights


def test_who_no_longer_waits_lets_go_of_all() -> None:
    air = Air()
    air.send(2)
    waiting = air.flights.wait()
    waiting.addErrback(lambda _: None)
    waiting.cancel()
    assert air.cancelled == 2 and not air.taken and not air.flights
