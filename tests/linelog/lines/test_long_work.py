"""Work that is given away: called once, wherever, and what it raises is raised where it is waited for."""

import pytest

from logsrv.linelog.lines.long_work import LONG, LongWork, call_as_long_work, run_to_result


def test_little_is_done_at_once_and_much_is_given_first():
    steps = call_as_long_work(lambda: 7, LONG)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == 7
    assert isinstance(next(call_as_long_work(lambda: 7, LONG + 1)), LongWork)


def test_a_driver_may_ignore_long_work():
    assert run_to_result(call_as_long_work(lambda: 7, LONG + 1)) == 7


def test_long_work_is_done_once():
    calls: list[int] = []
    steps = call_as_long_work(lambda: calls.append(1), LONG + 1)
    next(steps).call_function()
    assert run_to_result(steps) is None and calls == [1]


def test_long_work_raises_where_its_result_is_wanted():
    steps = call_as_long_work(lambda: int("x"), LONG + 1)
    next(steps).call_function()
    with pytest.raises(ValueError, match="invalid literal"):
        next(steps)
