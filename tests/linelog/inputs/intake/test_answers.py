"""Answers to a peer that lets them lie."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from logsrv.linelog.inputs.intake.answers import Answering, AnswerWriter


class Receiver:
    """Somebody who answers, and notes what holds it back."""

    def __init__(self) -> None:
        self.transport = StringTransport()
        self.held = False

    def pauseProducing(self) -> None:
        self.held = True

    def resumeProducing(self) -> None:
        self.held = False


def test_a_turn_later_the_transport_may_close() -> None:
    clock, receiver = Clock(), Receiver()
    answers = AnswerWriter(receiver, clock)
    answers.write(b"a")
    answers.write(b"b")
    assert receiver.transport.producer is answers
    clock.advance(0)
    assert receiver.transport.producer is None
    assert receiver.transport.value() == b"ab"


def test_who_lets_them_lie_is_held_back_until_they_are_read() -> None:
    clock, receiver = Clock(), Receiver()
    answers = AnswerWriter(receiver, clock)
    answers.write(b"a")
    answers.pauseProducing()
    clock.advance(0)
    assert (receiver.held, answers.state) == (True, Answering.UNREAD)
    answers.resumeProducing()
    assert (receiver.held, answers.state) == (False, Answering.NOTHING)
    assert receiver.transport.producer is None


def test_let_go() -> None:
    receiver = Receiver()
    answers = AnswerWriter(receiver, Clock())
    answers.let_go()
    answers.write(b"a")
    answers.let_go()
    assert receiver.transport.producer is None
