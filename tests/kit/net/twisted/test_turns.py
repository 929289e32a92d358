"""Calls in the reactor's next turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from logsrv.kit.net.twisted.turns import NextTurn, next_turn


class Turning:
    """A reactor that makes no call before it is turned."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []

    def callFromThread(self, call: Callable[[], Any]) -> None:
        self.calls.append(call)

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


def test_a_clock_of_tests_is_enough() -> None:
    made: list[str] = []
    clock = Clock()
    next_turn(clock, lambda: made.append("call"))
    assert made == []
    clock.advance(0)
    assert made == ["call"]


def test_a_reactor_makes_the_call_whatever_its_clock_says() -> None:
    made: list[str] = []
    reactor = Turning()
    next_turn(reactor, lambda: made.append("call"))
    reactor.turn()
    assert made == ["call"]


def test_a_call_that_is_asked_for_twice_is_made_once() -> None:
    made: list[str] = []
    reactor = Turning()
    call = NextTurn(reactor, lambda: made.append("call"))
    call.ask()
    call.ask()
    reactor.turn()
    assert made == ["call"]
    call.ask()
    reactor.turn()
    assert made == ["call", "call"]
