"""Work of viewers leaves the reactor free for most of the time."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.task import Clock

from logsrv.linelog.http.slices import FREE, SLICE, Slices


def test_a_slice_and_then_a_pause() -> None:
    clock = Clock()
    time = [0.0]
    done: list[str] = []

    def work(name: str) -> Iterator[None]:
        while True:
            time[0] += SLICE / 2
            done.append(name)
            yield

    slices = Slices(clock, lambda: time[0])
    for name in "ab":
        slices.cooperate(work(name))
    clock.advance(0)
    # Each in its turn, until the slice is used up.
    assert done == ["a", "b", "a"]
    clock.advance(FREE * SLICE)
    assert len(done) == 3
    clock.advance(FREE * SLICE)
    assert len(done) == 6
