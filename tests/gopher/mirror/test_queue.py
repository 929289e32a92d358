"""Jobs come in their order, not too early and not too many at once."""

from __future__ import annotations

from logsrv.gopher.mirror.queue import IDLE, Queue


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_order() -> None:
    queue: Queue[str] = Queue(Time(), 2, 0.0)
    for job in ("a", "b"):
        queue.add(job)
    queue.add("menu", first=True)
    assert len(queue) == 3
    assert [queue.take(0), queue.take(1), queue.take(2)] == ["menu", "a", None]
    assert queue.take(1) == "b"
    assert queue.take(0) is None
    assert queue.pause(0) == IDLE


def test_another_try_comes_first_when_its_time_has_come() -> None:
    clock = Time()
    queue: Queue[str] = Queue(clock, 4, 0.0)
    queue.add_later("late", 0.15)
    queue.add_later("early", 0.1)
    queue.add("a")
    assert [queue.take(0), queue.take(0), len(queue)] == ["a", None, 2]
    assert round(queue.pause(0), 3) == 0.1
    clock.now += 0.11
    assert [queue.take(0), queue.take(0)] == ["early", None]
    clock.now += 1
    assert [queue.take(0), len(queue)] == ["late", 0]


def test_the_delay_between_two_starts() -> None:
    clock = Time()
    queue: Queue[int] = Queue(clock, 4, 0.0)
    queue.slow_down(0.1)
    queue.slow_down(0.05)
    for job in range(3):
        queue.add(job)
    assert [queue.take(0), queue.take(0)] == [0, None]
    assert round(queue.pause(0), 3) == 0.1
    assert queue.pause(1) == IDLE, "one connection, for a server that wants a delay"
    clock.now += 0.1
    assert [queue.take(1), queue.take(0)] == [None, 1]
