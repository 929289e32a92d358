"""Jobs come in their order, not too early and not too many at once."""

from __future__ import annotations

from logsrv.gopher.mirror.queue import IDLE, Job, Queue
from logsrv.gopher.mirror.scope import Item
from logsrv.gopher.wire.url import GopherURL


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def job(name: str) -> Job:
    item = Item(GopherURL("h", 70, "0", name.encode()), 0)
    return Job(item, item.key)


def taken(queue: Queue, *under_way: int) -> list[str | None]:
    """Return the names of what may start while so many are under way, once for each number."""
    found = [queue.take(number) for number in under_way]
    return [None if each is None else each.item.url.selector.decode() for each in found]


def test_order() -> None:
    queue = Queue(Time(), 2, 0.0)
    for name in ("a", "b"):
        queue.add(job(name))
    queue.add(job("menu"), first=True)
    assert len(queue) == 3
    assert taken(queue, 0, 1, 2) == ["menu", "a", None]
    assert taken(queue, 1, 0) == ["b", None]
    assert queue.pause(0) == IDLE


def test_another_try_comes_first_when_its_time_has_come() -> None:
    clock = Time()
    queue = Queue(clock, 4, 0.0)
    queue.add_later(job("late"), 0.15)
    queue.add_later(job("early"), 0.1)
    queue.add(job("a"))
    assert [*taken(queue, 0, 0), len(queue)] == ["a", None, 2]
    assert round(queue.pause(0), 3) == 0.1
    clock.now += 0.11
    assert taken(queue, 0, 0) == ["early", None]
    clock.now += 1
    assert [*taken(queue, 0), len(queue)] == ["late", 0]


def test_the_delay_between_two_starts() -> None:
    clock = Time()
    queue = Queue(clock, 4, 0.0)
    queue.slow_down(0.1)
    queue.slow_down(0.05)
    for name in "abc":
        queue.add(job(name))
    assert taken(queue, 0, 0) == ["a", None]
    assert round(queue.pause(0), 3) == 0.1
    assert queue.pause(1) == IDLE, "one connection, for a server that wants a delay"
    clock.now += 0.1
    assert taken(queue, 1, 0) == [None, "b"]
