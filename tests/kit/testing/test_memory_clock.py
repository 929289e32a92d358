"""Time in memory: each timer fires at its own time, and nothing waits for real time."""

import pytest
from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from logsrv.kit.testing._memory_clock import MemoryClock


def test_each_timer_fires_at_its_own_time():
    """A minute at once is sixty seconds for who looks every second."""
    clock = MemoryClock()
    seen: list[float] = []
    every = LoopingCall(lambda: seen.append(clock.seconds()))
    every.clock = clock
    every.start(1, now=False)
    clock.advance(3.5)
    assert seen == [1, 2, 3]
    assert clock.seconds() == 3.5


def test_others_act_between_two_timers():
    acted: list[float] = []
    clock = MemoryClock()
    clock.between = lambda: acted.append(clock.seconds())
    clock.callLater(1, lambda: None)
    clock.advance(2)
    assert acted == [0, 1, 2]


def test_until_returns_the_result_or_raises():
    """The result, or the failure, at the time when it is there; what never comes is said."""
    clock = MemoryClock()
    assert clock.until(deferLater(clock, 2, lambda: "done"), 5, "it") == "done"
    assert clock.seconds() == 2
    with pytest.raises(ZeroDivisionError):
        clock.until(deferLater(clock, 2, lambda: 1 / 0), 5, "it")
    with pytest.raises(AssertionError, match="the reload has not ended within 5 s of the service"):
        clock.until(Deferred(), 5, "the reload")


def test_endless_timers_of_0_seconds_are_an_error():
    clock = MemoryClock()

    def again() -> None:
        clock.callLater(0, again)

    again()
    with pytest.raises(AssertionError, match="starts itself again and again"):
        clock.advance(1)


def test_calls_from_threads_and_at_the_start_are_made():
    clock = MemoryClock()
    called: list[str] = []
    clock.callWhenRunning(called.append, "start")
    clock.callFromThread(called.append, "thread")
    assert called == ["start"]
    clock.advance(0)
    assert called == ["start", "thread"]


def test_thousands_of_timers_are_not_sorted_at_each_new_one(monkeypatch):
    """A queue has one for each job, and `conformance` makes thousands of jobs."""
    asked: list[DelayedCall] = []
    get_time = DelayedCall.getTime

    def noted(call: DelayedCall) -> float:
        asked.append(call)
        return get_time(call)

    monkeypatch.setattr(DelayedCall, "getTime", noted)
    clock = MemoryClock()
    fired: list[int] = []
    for number in (3, 1, 2):
        clock.callLater(number, fired.append, number)
    assert not asked
    clock.advance(3)
    assert fired == [1, 2, 3]
