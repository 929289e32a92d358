"""How long something takes, counted without locks."""

import bisect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.observe.durations import LONG, SHORT, Distribution, Durations


@given(st.lists(st.floats(0, 20), max_size=50))
def test_each_duration_is_in_the_buckets_that_it_is_not_longer_than(seconds):
    durations = Durations(SHORT)
    for one in seconds:
        durations.add(one)
    found = durations.read()
    assert sum(found.counts) == len(seconds)
    assert found.total == pytest.approx(sum(seconds))
    ordered = sorted(seconds)
    assert found.cumulative() == [
        (bound, bisect.bisect_right(ordered, bound)) for bound in (*SHORT, math.inf)
    ]


def test_the_bounds_ascend():
    for bounds in (SHORT, LONG):
        assert list(bounds) == sorted(set(bounds))


def test_a_step_is_timed_and_seen_while_it_is_under_way():
    durations = Durations()
    seen = []

    def step(value: int) -> int:
        seen.append((durations.begun is not None, durations.under_way() > 0))
        return value

    assert durations.timed(step, 5) == 5
    assert seen == [(True, True)]
    assert durations.under_way() == 0
    assert sum(durations.read().counts) == 1
    assert 0 < durations.read().total < 60


def test_a_step_that_fails_is_not_counted_and_is_over():
    durations = Durations()
    with pytest.raises(ZeroDivisionError):
        durations.timed(lambda: 1 // 0)
    assert durations.begun is None
    assert sum(durations.read().counts) == 0


def test_what_was_read_does_not_change():
    durations = Durations((1,))
    before = durations.read()
    durations.add(0.5)
    assert before == Distribution((1,), (0, 0), 0.0)


def test_distributions_with_other_bounds_are_not_added_up():
    with pytest.raises(ValueError, match="bounds"):
        Durations((1,)).read() + Durations((2,)).read()
