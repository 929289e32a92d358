"""How often one address is answered, and what is remembered of how many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from logsrv.kit.protocols.answer_limit import AnswerLimit


def test_a_burst_is_answered_and_then_so_many_a_second() -> None:
    clock = Clock()
    limit = AnswerLimit(clock.seconds)
    assert [limit.take("10.0.0.1", 2.0, 3) for _ in range(5)] == [True] * 3 + [False] * 2
    clock.advance(0.5)
    assert [limit.take("10.0.0.1", 2.0, 3) for _ in range(2)] == [True, False]
    clock.advance(3600)
    assert [limit.take("10.0.0.1", 2.0, 3) for _ in range(4)] == [True] * 3 + [False]


def test_each_address_has_its_own() -> None:
    limit = AnswerLimit(Clock().seconds)
    assert limit.take("10.0.0.1", 1.0, 1)
    assert not limit.take("10.0.0.1", 1.0, 1)
    assert limit.take("10.0.0.2", 1.0, 1)


def test_a_flood_of_addresses_takes_no_more_memory_and_lets_a_busy_one_not_be_forgotten() -> None:
    """Two servers that answer each other are always busy: strangers do not fill their bucket."""
    limit = AnswerLimit(Clock().seconds, remembered=3)
    assert limit.take("busy", 1.0, 1)
    for number in range(100):
        assert limit.take(f"10.0.0.{number}", 1.0, 1)
        assert not limit.take("busy", 1.0, 1)
    assert len(limit._buckets) == 3


@given(st.lists(st.floats(0, 10), max_size=60))
def test_never_more_than_the_burst_and_what_came_since(pauses: list[float]) -> None:
    clock = Clock()
    limit = AnswerLimit(clock.seconds)
    answered = 0
    for pause in pauses:
        clock.advance(pause)
        answered += limit.take("10.0.0.1", 0.5, 5)
        assert answered <= 5 + clock.seconds() * 0.5 + 1e-6
