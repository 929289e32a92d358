"""The totals of a store as the daemon has them: one process, one question at a time, one answer for all."""

from typing import Any

import pytest

from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.statistics import FRESH_SECONDS, IDLE_SECONDS, StoreStatistics
from tests.parts.child_processes import Spawner
from tests.parts.listening import logged


class Place:
    """Totals that a test counts, and what those who ask have got."""

    def __init__(self) -> None:
        self.reactor = Spawner()
        self.statistics = StoreStatistics(lambda: "/logs", self.reactor)
        self.got: list[Any] = []

    def ask(self) -> None:
        started = len(self.reactor.processes)
        self.statistics.request_totals().addCallbacks(
            self.got.append, lambda why: self.got.append(why.value)
        )
        if len(self.reactor.processes) > started:
            # It has begun.
            self.reactor.last.say()

    def answer(self, data: bytes) -> None:
        self.reactor.last.say(data)


@pytest.fixture
def place() -> Place:
    return Place()


def test_one_count_for_all_who_ask(place):
    place.ask()
    place.ask()
    assert place.reactor.last.said == [b"/logs"] and not place.got
    place.answer(b'{"lines": 1}\n')
    place.ask()
    assert place.got == [b'{"lines": 1}\n'] * 3
    place.reactor.advance(2 * FRESH_SECONDS)
    place.ask()
    place.answer(b'{"lines": 2}\n')
    assert place.got[3:] == [b'{"lines": 2}\n'] and len(place.reactor.processes) == 1


def test_the_counting_process_ends_when_nobody_asks(place):
    place.ask()
    place.answer(b"{}\n")
    place.reactor.advance(IDLE_SECONDS)
    assert place.reactor.last.closed
    place.ask()
    assert len(place.reactor.processes) == 2


def test_a_store_that_cannot_be_counted_is_a_problem(place):
    """Who asks hears why; the next one finds the store that is there then."""
    place.ask()
    place.answer(b'{"error": "the store was removed"}\n')
    assert [str(one) for one in place.got] == ["the store was removed"]
    assert isinstance(place.got[0], Problem) and place.got[0].status == 503
    place.ask()
    place.answer(b"{}\n")
    assert place.got[-1] == b"{}\n"


def test_a_counting_process_that_dies_is_a_problem(place):
    place.ask()
    with logged() as messages:
        place.reactor.last.end(signal=9)
    assert "the process that counts was ended by SIGKILL" in messages[0]
    assert "the server's log says why" in str(place.got[0])
    place.ask()
    assert len(place.reactor.processes) == 2


def test_stop_ends_the_counting_process(place):
    place.ask()
    assert place.statistics.stop().called and place.reactor.last.killed
    assert "being stopped" in str(place.got[0])
    place.ask()
    assert "being stopped" in str(place.got[1])


def test_a_count_that_takes_long_is_waited_for(place):
    place.ask()
    place.reactor.advance(2 * IDLE_SECONDS)
    place.ask()
    place.answer(b"{}\n")
    assert place.got == [b"{}\n"] * 2 and not place.reactor.last.killed
