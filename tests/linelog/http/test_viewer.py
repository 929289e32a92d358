"""One live view: from its position on without a gap, at the pace of its client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from logsrv.errors import StoreError
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http import viewer as viewer_module
from logsrv.linelog.http.hub import LOOK_EVERY, Hub
from logsrv.linelog.http.live import Live
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.slices import Slices
from logsrv.linelog.http.viewer import (
    HEARTBEAT_EVERY,
    NEXT,
    STALLED_AFTER,
    Viewer,
    ViewerState,
)
from logsrv.linelog.store.segment import Position
from tests.linelog.http.web import Browser
from tests.linelog.read.stores import line, make_store, view_of

FIRST = len(line("0"))


class Search:
    """A search of a viewer, answered by the test."""

    def __init__(self, request: dict[str, Any], taker: Any) -> None:
        self.values = request["values"]
        self.taker = taker
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.told.append(name)


class Place:
    """A store with one line, a hub, and viewers over connections in memory."""

    def __init__(self, directory: Path) -> None:
        self.store = make_store(directory / "store", [[line("0")]])
        self.clock = Clock()
        self.hub = Hub(lambda: view_of(self.store), self.clock, Slices(self.clock, lambda: 0.0))
        self.searches: list[Search] = []
        self.missed = 0
        self.ended: list[Viewer] = []

    def wait(self, request: dict[str, Any], taker: Any) -> Search:
        self.searches.append(Search(request, taker))
        return self.searches[-1]

    def write(self, *messages: str) -> None:
        with (self.store / "current.log").open("ab") as file:
            file.writelines(map(line, messages))

    def look(self) -> None:
        for seconds in (LOOK_EVERY, 0, 0, 0):
            self.clock.advance(seconds)

    def watch(self, query: str = "", after: Position | None = None) -> Watch:
        return Watch(self, query, after)

    def count(self, lines: int) -> None:
        self.missed += lines


class Watch:
    """A viewer and the client that it serves."""

    def __init__(self, place: Place, query: str, after: Position | None) -> None:
        def handle(request: WebRequest) -> None:
            self.viewer = Viewer(
                request,
                query,
                place.hub,
                place,  # type: ignore[arg-type]
                place.clock,
                place.count,
                place.ended.append,
            )
            self.viewer.start(after, lambda: None)

        self.browser = Browser(handle, place.clock)
        self.browser.get("/")

    @property
    def events(self) -> list[Any]:
        """The messages of lines, and what else was told, as pairs."""
        found: list[Any] = []
        name = ""
        for text in self.browser.received.decode().splitlines():
            key, _, value = text.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                data = json.loads(value)
                found.append(data["message"] if name == "line" else (name, data))
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_table_of_states() -> None:
    """All may end, and each but the last leads on."""
    for state in ViewerState:
        follows = {event for (old, event) in NEXT if old == state.name}
        assert ("end" in follows) is (state is not ViewerState.ENDED)


def test_from_now_on(place: Place) -> None:
    every, some = place.watch(), place.watch("b")
    place.write("a", "b")
    place.look()
    assert every.events == ["a", "b"] and some.events == ["b"]
    assert every.viewer.state is ViewerState.LIVE and not place.searches


def test_what_the_hub_has_not_seen_yet_is_not_new(place: Place) -> None:
    """A line that was written before the client came is not shown, though the hub looks later."""
    first = place.watch()
    place.write("before")
    second = place.watch()
    place.write("after")
    place.look()
    assert first.events == ["before", "after"] and second.events == ["after"]


def test_after_the_end(place: Place) -> None:
    """Nothing has to be caught up with, and the next line is shown."""
    watch = place.watch(after=Position(1, FIRST))
    place.write("a")
    place.look()
    assert watch.events == ["a"] and not place.searches


def test_catching_up(place: Place) -> None:
    """A process looks up to the end of then; the rest is read here, then the hub has it."""
    place.write("1", "2")
    other = place.watch()
    watch = place.watch(after=Position(1, 0))
    (search,) = place.searches
    assert search.values == {"q": "", "begin": "1:1", "end": f"1:{3 * FIRST}"}
    place.write("3")
    place.look()
    search.taker.begin(200)
    search.taker.data(b"(1 and 2)")
    place.write("4")
    search.taker.end(None)
    assert watch.viewer.state is ViewerState.STEPPING
    place.look()
    place.write("5")
    place.look()
    assert watch.events == ["3", "4", "5"] and b"(1 and 2)" in watch.browser.received
    assert other.events == ["3", "4", "5"] and place.missed == 0


def test_more_is_written_than_is_read_here(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer_module, "KEPT", 3 * FIRST)
    place.write("1")
    watch = place.watch(after=Position(1, 0))
    place.write("2", "3", "4", "5")
    place.searches[0].taker.begin(200)
    place.searches[0].taker.end(None)
    assert place.searches[1].values["begin"] == place.searches[0].values["end"]
    assert watch.viewer.state is ViewerState.SEARCHING


def test_one_that_never_gets_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the end it goes on with the others, and is told how much it did not have."""
    monkeypatch.setattr(viewer_module, "MOST_STEPPED", 1)
    monkeypatch.setattr("logsrv.linelog.http.live.PIECE", 2 * FIRST)
    place.write("1")
    watch = place.watch(after=Position(1, 0))
    place.write("2", "3", "4", "5", "6")
    place.searches[0].taker.begin(200)
    place.searches[0].taker.end(None)
    place.look()
    assert watch.events == ["2", "3", ("missed", {"lines": 3})]
    place.write("7")
    place.look()
    assert watch.events[3:] == ["7"] and place.missed == 3


def test_a_client_that_does_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to it; later it has what waited, and hears how many lines it missed."""
    monkeypatch.setattr(viewer_module, "MOST_WAITING", 1)
    watch = place.watch()
    place.write("a")
    place.look()
    watch.viewer.pauseProducing()
    had = watch.browser.received
    place.write("b")
    place.look()
    place.write("c", "d")
    place.look()
    place.clock.advance(HEARTBEAT_EVERY)
    assert watch.browser.received == had
    watch.viewer.resumeProducing()
    assert watch.events == ["a", "b", ("missed", {"lines": 2})] and place.missed == 2
    place.write("e")
    place.look()
    assert watch.events[3:] == ["e"]
    watch.viewer.pauseProducing()
    place.clock.advance(STALLED_AFTER)
    assert watch.browser.transport.aborting


def test_a_client_that_does_not_read_while_it_catches_up(place: Place) -> None:
    """It loses nothing: both the process and what is read here wait for it."""
    place.write("1")
    watch = place.watch(after=Position(1, 0))
    (search,) = place.searches
    watch.viewer.pauseProducing()
    assert search.told == ["pause"]
    watch.viewer.resumeProducing()
    assert search.told == ["pause", "resume"]
    place.write("2")
    search.taker.begin(200)
    search.taker.end(None)
    watch.viewer.pauseProducing()
    place.look()
    assert watch.events == []
    watch.viewer.resumeProducing()
    place.look()
    assert watch.events == ["2"]


def test_more_than_anybody_reads(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer_module, "BURST", 3)
    watch = place.watch()
    place.write(*map(str, range(10)))
    place.look()
    assert watch.events == [("missed", {"lines": 7}), "7", "8", "9"]


def test_heartbeats(place: Place) -> None:
    watch = place.watch()
    place.clock.advance(HEARTBEAT_EVERY)
    place.clock.advance(HEARTBEAT_EVERY)
    assert watch.browser.received.count(b": still here\n\n") == 2


def test_a_client_that_goes(place: Place) -> None:
    live, catching = place.watch(), place.watch(after=Position(1, 0))
    live.browser.leave()
    catching.browser.leave()
    assert place.ended == [live.viewer, catching.viewer]
    assert place.searches[0].told == ["kill"] and place.hub.viewers == 0
    assert not place.clock.getDelayedCalls()


def test_sent_away(place: Place) -> None:
    """A client that reads is told why; one that doesn't is cut off."""
    watch, silent = place.watch(), place.watch()
    silent.viewer.pauseProducing()
    for one in (watch, silent):
        one.viewer.close("the server is being stopped")
        one.viewer.close("again")
    assert watch.events == [("problem", {"error": "the server is being stopped"})]
    assert watch.browser.received.endswith(b"0\r\n\r\n")
    assert silent.browser.transport.aborting and place.hub.viewers == 0


@pytest.mark.parametrize("how", ["status", "broken"])
def test_a_search_that_fails(place: Place, how: str) -> None:
    watch = place.watch(after=Position(1, 0))
    taker = place.searches[0].taker
    if how == "status":
        taker.begin(503)
        taker.data(b'{"error": "no')
        taker.data(b' disk"}\n')
        taker.end(None)
    else:
        taker.end(Problem(503, "no disk"))
    assert watch.events == [("problem", {"error": "no disk"})]
    assert watch.viewer.state is ViewerState.ENDED


def test_a_store_that_cannot_be_read(place: Place) -> None:
    watch = place.watch(after=Position(1, 0))
    taker = place.searches[0].taker
    place.hub._view.close()  # type: ignore[union-attr]
    place.hub._view = None

    def fails() -> Any:
        raise StoreError("the store cannot be read")

    place.hub.open_view = fails
    taker.begin(200)
    taker.end(None)
    assert watch.events == [("problem", {"error": "the store cannot be read"})]


def test_a_store_that_cannot_be_read_any_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing stays of a viewer whose last step fails: no heartbeat to a client that was sent away."""

    def fails(live: object) -> Any:
        raise StoreError("the store cannot be read")

    watch = place.watch(after=Position(1, 0))
    monkeypatch.setattr(Live, "step", fails)
    place.searches[0].taker.begin(200)
    place.searches[0].taker.end(None)
    place.look()
    assert watch.events == [("problem", {"error": "the store cannot be read"})]
    assert place.ended == [watch.viewer]
    watch.browser.leave()
    assert not place.clock.getDelayedCalls()


def test_the_last_of_the_others_goes_meanwhile(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one still reads is not closed because another has gone."""
    monkeypatch.setattr("logsrv.linelog.http.live.PIECE", 2 * FIRST)
    other, watch = place.watch(), place.watch(after=Position(1, 0))
    place.write("1", "2", "3", "4")
    place.searches[0].taker.begin(200)
    place.searches[0].taker.end(None)
    step = Live.step

    def steps(live: Any) -> Any:
        found = step(live)
        other.browser.leave()
        return found

    monkeypatch.setattr(Live, "step", steps)
    place.look()
    assert watch.events == ["1", "2", "3", "4"]
    assert watch.viewer.state is ViewerState.LIVE


def test_a_client_that_goes_before_the_rest_is_read(place: Place) -> None:
    """Nothing more is read for it, and nothing fails."""
    watch = place.watch(after=Position(1, 0))
    place.write("1")
    place.searches[0].taker.begin(200)
    place.searches[0].taker.end(None)
    assert watch.viewer.state is ViewerState.STEPPING
    watch.browser.leave()
    with capturedLogs() as logged:
        place.look()
    assert place.ended == [watch.viewer] and place.hub.viewers == 0
    assert not logged and not place.clock.getDelayedCalls()
