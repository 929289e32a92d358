"""The clock of timers, and the time of day."""

import time

from twisted.internet.base import ReactorBase
from twisted.internet.task import Clock

from logsrv.kit.net.twisted.clocks import steady_reactor, time_of_day
from twisted import internet


class Idle(ReactorBase):
    """A reactor that waits for nothing."""

    def installWaker(self) -> None:
        pass


def test_timers_go_on_when_the_time_of_day_is_set_back(monkeypatch):
    reactor, calls = Idle(), list[str]()
    monkeypatch.setattr(internet, "reactor", reactor, raising=False)
    reactor.callLater(0, calls.append, "before")
    assert steady_reactor() is steady_reactor() is reactor
    reactor.callLater(0, calls.append, "after")
    monkeypatch.setattr(time, "time", lambda: 5.0)
    reactor.runUntilCurrent()
    assert calls == ["before", "after"]
    assert time_of_day(reactor) == 5


def test_a_clock_of_tests_tells_both_times():
    clock = Clock()
    clock.advance(7)
    assert time_of_day(clock) == clock.seconds() == 7
