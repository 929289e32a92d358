"""One look for all viewers, in slices, and none while nobody watches."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from logsrv.errors import StoreError
from logsrv.linelog.http import hub as hub_module
from logsrv.linelog.http.hub import LOOK_EVERY, Hub, LineEvent
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.slices import FREE, SLICE, Slices
from logsrv.linelog.query.match import compile
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.kit.net.network import logged
from tests.linelog.read.stores import line, make_store, view_of


class Watcher:
    """A viewer that notes what it is shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.missed = 0
        self.told: list[Position] = []
        self.ready = True

    def show(self, events: list[LineEvent], missed: int) -> None:
        self.seen += [event.hit.line.split(b" ", 2)[2].decode() for event in events]
        self.missed += missed

    def gone(self, position: Position) -> None:
        self.told.append(position)


class Place:
    """A store, and a hub that looks at it; `time` is what work takes."""

    def __init__(self, directory: Path) -> None:
        self.store = make_store(directory / "store", [[line("old")]])
        self.clock = Clock()
        self.time = 0.0
        self.cost = 0.0
        self.opened = 0
        self.hub = Hub(self._open, self.clock, Slices(self.clock, self._now))

    def _open(self) -> View:
        self.opened += 1
        return view_of(self.store)

    def _now(self) -> float:
        self.time += self.cost
        return self.time

    def write(self, *messages: str) -> None:
        with (self.store / "current.log").open("ab") as file:
            file.writelines(map(line, messages))

    def join(self, query: str = "") -> Watcher:
        watcher = Watcher()
        self.hub.join(watcher, query, compile(parse(query)), self.hub.end)
        return watcher

    def look(self) -> None:
        """Let the hub look, and begin with what comes of it."""
        self.clock.advance(LOOK_EVERY)
        self.clock.advance(0)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_each_has_what_it_looks_for(place: Place) -> None:
    every, some = place.join(), place.join("good")
    place.write("good 1", "bad 2")
    place.look()
    late = place.join("good")
    place.write("good 3")
    place.look()
    assert every.seen == ["good 1", "bad 2", "good 3"]
    assert some.seen == ["good 1", "good 3"] and late.seen == ["good 3"]
    assert place.opened == 1


def test_nothing_is_done_while_nobody_watches(place: Place) -> None:
    assert not place.clock.getDelayedCalls() and place.opened == 0
    watcher = place.join()
    assert place.hub.viewers == 1
    place.hub.leave(watcher, "")
    place.hub.leave(watcher, "")
    assert place.hub.viewers == 0 and not place.clock.getDelayedCalls()
    place.write("unseen")
    again = place.join()
    place.write("seen")
    place.look()
    assert again.seen == ["seen"] and watcher.seen == []


def test_the_reactor_is_free_between_slices(place: Place) -> None:
    """However slow a query is, most of the time belongs to those who receive lines."""
    watchers = [place.join(f"{number} OR line") for number in range(10)]
    place.write("line")
    place.cost = SLICE
    place.look()
    assert not all(watcher.seen for watcher in watchers)
    (call,) = place.clock.getDelayedCalls()
    assert call.getTime() - place.clock.seconds() >= FREE * SLICE
    for _ in range(100):
        place.clock.advance(FREE * 3 * SLICE)
    assert all(watcher.seen == ["line"] for watcher in watchers)


def test_only_the_newest_of_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_AT_ONCE", 3)
    watcher = place.join("line")
    place.write(*(f"line {number}" for number in range(10)))
    place.look()
    assert watcher.seen == ["line 7", "line 8", "line 9"] and watcher.missed == 7


def test_one_that_leaves_in_the_middle(place: Place) -> None:
    first, second = place.join(), place.join()
    first.show = lambda events, missed: place.hub.leave(second, "")  # type: ignore[method-assign,assignment]
    place.write("a")
    place.look()
    assert second.seen == [] and place.hub.viewers == 1


def test_a_store_that_cannot_be_read_for_a_while(place: Place) -> None:
    """It goes on by itself, and says that something may be missing."""
    watcher = place.join()
    live = place.hub._live
    assert live is not None
    live.look = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    place.write("lost")
    place.look()
    assert len(watcher.told) == 1
    place.clock.advance(1)
    place.write("found")
    place.look()
    assert watcher.seen == ["found"]


def test_a_store_that_cannot_be_read_for_long_does_not_fill_the_log(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried each second; the log has the first failure, and then a line a minute."""

    def unreadable(view: View) -> None:
        raise StoreError("the disk is gone")

    place.join()
    with logged() as messages:
        place.hub._live.close()  # type: ignore[union-attr]
        monkeypatch.setattr(View, "refresh", unreadable)
        for _ in range(130):
            place.clock.advance(1)
    assert 1 <= len(messages) <= 6
    assert "reading the store failed for the live view" in messages[0]


def test_too_many_queries(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_QUERIES", 2)
    place.join("a")
    place.join("b")
    place.join("b")
    with pytest.raises(Problem, match="other queries") as caught:
        place.join("c")
    assert caught.value.status == 429
