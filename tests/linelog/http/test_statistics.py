"""The totals of a store: one answer for all who ask."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from logsrv.errors import StoreError
from logsrv.linelog.http.statistics import FRESH_SECONDS, StoreStatistics
from tests.parts.web_requests import Reactor


class Asked:
    """Totals that a thread counts when the test says so, and what those who ask have got."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.waiting = self.reactor.held = []
        self.statistics = StoreStatistics(dict, self.reactor)
        self.got: list[Any] = []

    def ask(self) -> None:
        answered = Deferred.fromCoroutine(self.statistics.get_totals())
        answered.addCallbacks(self.got.append, lambda why: self.got.append(why.value))


def test_one_count_for_all_who_ask():
    asked = Asked()
    asked.ask()
    asked.ask()
    assert len(asked.waiting) == 1 and not asked.got
    asked.waiting.pop()(True, {"lines": 1})
    asked.ask()
    assert asked.got == [b'{"lines": 1}\n'] * 3
    asked.reactor.advance(2 * FRESH_SECONDS)
    asked.ask()
    asked.waiting.pop()(True, {"lines": 2})
    assert asked.got[3:] == [b'{"lines": 2}\n']


def test_a_failed_count_is_not_the_answer_to_the_next_who_asks():
    """All who wait hear why, after one count; the next one finds the store that is there then."""
    asked = Asked()
    for _ in range(3):
        asked.ask()
    asked.waiting.pop()(False, Failure(StoreError("the store was removed")))
    assert not asked.waiting
    assert [str(one) for one in asked.got] == ["the store was removed"] * 3
    asked.ask()
    asked.waiting.pop()(True, {})
    assert asked.got[-1] == b"{}\n"
