"""The first line is told at once, those of the interval at its end, and a flood takes no memory."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.alerts.tally import LONGEST, SETTLE, SHOWN, MatchTally
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line


def hit(offset: int = 0, message: str = "oops", seconds: float = 0) -> Hit:
    return Hit(Position(1, offset), line(message, seconds).rstrip(b"\n"))


def add(tally: MatchTally, count: int, now: float, one: Hit | None = None) -> None:
    found = [one or hit()] * min(count, SHOWN)
    tally.add_matches(found, count, found[-1].line, now)


def test_the_first_line_is_sent_within_a_second_with_those_of_the_same_moment():
    tally = MatchTally(300)
    assert tally.take_if_due(0) is None
    add(tally, 1, 10)
    assert tally.take_if_due(10) is None
    add(tally, 2, 10.2)
    taken = tally.take_if_due(10 + SETTLE)
    assert taken is not None and taken.count == 3 and SETTLE < 0.6


def test_lines_of_the_interval_are_sent_together_at_its_end():
    tally = MatchTally(300)
    add(tally, 1, 0)
    assert tally.take_if_due(1) is not None
    add(tally, 4000, 100, hit(7, "first", 100))
    add(tally, 322, 200, hit(9, "last", 200))
    assert tally.take_if_due(300.9) is None
    taken = tally.take_if_due(301)
    assert taken is not None and taken.count == 4322
    assert (taken.since, taken.until) == (
        "2026-11-20T06:01:40.000000Z",
        "2026-11-20T06:03:20.000000Z",
    )
    assert taken.begin == Position(1, 7)


def test_after_an_interval_without_lines_the_next_line_is_sent_at_once():
    tally = MatchTally(300)
    add(tally, 1, 0)
    assert tally.take_if_due(1) is not None
    assert tally.take_if_due(301) is None and tally.due is None
    add(tally, 1, 302)
    assert tally.take_if_due(302 + SETTLE) is not None


def test_an_interval_that_has_begun_elsewhere_goes_on():
    tally = MatchTally(300, due=50)
    add(tally, 1, 0)
    assert tally.take_if_due(49) is None
    assert tally.take_if_due(50) is not None


def test_counted_lines_are_sent_at_the_end_without_waiting():
    tally = MatchTally(300, due=50)
    assert tally.take_if_due(0, at_once=True) is None
    add(tally, 1, 0)
    assert tally.take_if_due(0, at_once=True) is not None


def test_a_flood_of_long_lines_takes_bounded_memory():
    tally = MatchTally(300)
    for _ in range(100):
        add(tally, 100_000, 0, hit(0, "x" * 10 * LONGEST))
    taken = tally.take_if_due(1)
    assert taken is not None and taken.count == 10_000_000
    assert len(taken.first) == SHOWN and all(len(one.line) == LONGEST for one in taken.first)


def test_a_gap_is_told_with_the_next_message_only():
    tally = MatchTally(1)
    tally.note_missed_lines()
    add(tally, 1, 0)
    taken = tally.take_if_due(1)
    assert taken is not None and taken.gap
    add(tally, 1, 5)
    taken = tally.take_if_due(5)
    assert taken is not None and not taken.gap


@given(st.lists(st.tuples(st.floats(0.01, 20), st.integers(0, 30)), max_size=50))
def test_each_line_is_sent_whenever_it_comes_and_never_too_often(steps):
    every = 10.0
    tally, now, sent = MatchTally(every), 0.0, []
    for pause, count in steps:
        now += pause
        if count:
            add(tally, count, now)
        if taken := tally.take_if_due(now):
            sent.append((now, taken.count))
    if taken := tally.take_if_due(now, at_once=True):
        sent.append((now + every, taken.count))
    assert sum(count for _, count in sent) == sum(count for _, count in steps)
    assert all(later - at >= every - 1e-6 for (at, _), (later, _) in pairwise(sent))
