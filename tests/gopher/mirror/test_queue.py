"""Jobs come in their order, and not too early."""

from __future__ import annotations

from logsrv.gopher.mirror.queue import IDLE, Job, Queue
from logsrv.gopher.mirror.scope import key_of
from logsrv.gopher.wire.url import GopherURL


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def job(name: str) -> Job:
    url = GopherURL("h", 70, "0", name.encode())
    return Job(url, key_of(url), 0)


def taken(queue: Queue, times: int) -> list[str | None]:
    """Return the names of what may start now, one after the other."""
    found = []
    for _ in range(times):
        first = queue.first()
        if first is not None:
            queue.take()
        found.append(None if first is None else first.url.selector.decode())
    return found


def test_order() -> None:
    queue = Queue(Time(), 0.0)
    for name in ("a", "b"):
        queue.add(job(name))
    queue.add(job("menu"), first=True)
    assert queue.pause(True) == 0, "there is something to start"
    assert queue.pause(False) == IDLE, "but no connection for it"
    assert taken(queue, 4) == ["menu", "a", "b", None]
    assert queue.pause(True) == IDLE


def test_another_try_comes_first_when_its_time_has_come() -> None:
    clock = Time()
    queue = Queue(clock, 0.0)
    queue.add_later(job("late"), 0.15)
    queue.add_later(job("early"), 0.1)
    queue.add(job("a"))
    assert taken(queue, 2) == ["a", None]
    assert round(queue.pause(True), 3) == round(queue.pause(False), 3) == 0.1
    clock.now += 0.11
    assert taken(queue, 2) == ["early", None]
    clock.now += 1
    assert taken(queue, 2) == ["late", None]


def test_the_delay_between_two_starts() -> None:
    clock = Time()
    queue = Queue(clock, 0.1)
    for name in "abc":
        queue.add(job(name))
    assert taken(queue, 2) == ["a", None]
    assert round(queue.pause(True), 3) == 0.1
    clock.now += 0.1
    assert taken(queue, 2) == ["b", None]
