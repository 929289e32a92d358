"""The clock of the system, and the one that tests drive in its place."""

import threading
import time
from queue import Empty

import pytest

from logsrv.clock import Clock
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.clocks import HandClock
from tests.parts.waits import join


@pytest.mark.parametrize("clock", [Clock(), HandClock()])
def test_events_and_queues_are_those_of_python(clock):
    event, queue = clock.event(), clock.queue()
    assert not event.wait(0)
    event.set()
    assert event.wait(PATIENCE) and isinstance(event, threading.Event)
    with pytest.raises(Empty):
        queue.get(timeout=0)
    for number in range(2):
        queue.put(number)
    assert (queue.get(), queue.get_nowait(), queue.qsize()) == (0, 1, 0)


def test_the_clock_of_the_system_agrees_with_time():
    clock = Clock()
    before = time.monotonic(), time.time()
    clock.sleep(0)
    assert before[0] <= clock.monotonic() <= time.monotonic()
    assert abs(clock.time_of_day() - before[1]) < 3600


def test_a_thread_wakes_when_its_time_has_come_and_not_before():
    clock = HandClock("ticking")
    never, woken = clock.event(), list[float]()

    def tick() -> None:
        for _ in range(3):
            never.wait(10)
            woken.append(clock.monotonic())

    begin = clock.monotonic()
    thread = threading.Thread(target=tick, name="ticking", daemon=True)
    thread.start()
    clock.advance(9)
    assert woken == []
    clock.advance(1)
    assert woken == [begin + 10]
    clock.advance(3600)
    assert woken == [begin + 10, begin + 3610], "it has slept through"
    clock.sleep(10)
    join(thread)
    assert len(woken) == 3


def test_a_thread_that_is_at_work_is_waited_for_so_long_only(monkeypatch):
    monkeypatch.setattr("tests.parts.clocks.PATIENCE", 0.02)
    clock, end = HandClock("busy"), threading.Event()
    thread = threading.Thread(target=end.wait, name="busy-1", daemon=True)
    thread.start()
    with pytest.raises(AssertionError, match="still at work: busy-1"):
        clock.advance(1)
    clock.advance(1, settle=False)
    end.set()
    join(thread)
    clock.settle()
