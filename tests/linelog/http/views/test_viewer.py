"""One live view: from its position on without a gap, at the pace of its client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.views import viewer as viewer_module
from logsrv.linelog.http.views.view_protocol import (
    HEARTBEAT,
    LiveQuery,
    ViewEvents,
    error_event,
    line_event,
    missed_event,
)
from logsrv.linelog.http.views.viewer import HEARTBEAT_EVERY, STALLED_AFTER, EventQueue, Viewer
from logsrv.linelog.store.segment import Position
from tests.parts.search_orders import NO_LIMITS
from tests.parts.web_requests import Browser

END = Position(2, 100)


class Search:
    """A search of a viewer, answered by the test."""

    def __init__(self, request: dict[str, Any], taker: Any) -> None:
        self.values = request["values"]
        self.taker = taker
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.told.append(name)


class PlayedProcesses:
    """A store that ends at `end`, searches and a process of live views, all played by the test."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.end = END
        self.broken = ""
        self.searches: list[Search] = []
        self.attached: list[tuple[Any, Position, Position]] = []
        self.asked: list[Any] = []
        self.left: list[Any] = []
        self.missed = 0
        self.ended: list[Viewer] = []

    def end_of_store(self) -> Position:
        return self.end

    def queue_search(self, request: dict[str, Any], taker: Any, *, only: str = "") -> Search:
        self.searches.append(Search(request, taker))
        return self.searches[-1]

    def attach(self, viewer: Any, begin: Position, sure: Position) -> None:
        if self.broken:
            raise Problem(503, self.broken)
        self.attached.append((viewer, begin, sure))

    def request_more(self, viewer: Any) -> None:
        self.asked.append(viewer)

    def leave(self, viewer: Any) -> None:
        self.left.append(viewer)

    def watch(self, after: Position | None = None, *, live: bool = False, only: str = "") -> Watch:
        watch = Watch(self, after, only)
        if live:
            watch.hand(live=True)
        return watch

    def count(self, lines: int) -> None:
        self.missed += lines


class Watch:
    """A viewer and the client that it serves."""

    def __init__(self, played: PlayedProcesses, after: Position | None, only: str) -> None:
        def handle(request: WebRequest) -> None:
            self.viewer = Viewer(
                request,
                LiveQuery("query", only=only),
                played.end_of_store,
                played,  # type: ignore[arg-type]
                played,  # type: ignore[arg-type]
                played.clock,
                played.count,
                played.ended.append,
            )
            self.viewer.start(after, lambda: None)

        self.browser = Browser(handle, played.clock)
        self.browser.get("/")

    def hand(self, *messages: str, missed: int = 0, live: bool = False) -> None:
        """Hand it lines, as the process does."""
        data = b"".join(line_event("1:0", json.dumps({"message": one})) for one in messages)
        number = (1,)
        self.viewer.receive_events(ViewEvents(number, data, len(messages), missed, live))

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
def played() -> PlayedProcesses:
    return PlayedProcesses()


@pytest.mark.parametrize(
    ("after", "begin"), [(None, END), (END, END), (Position(2, 40), Position(2, 41))]
)
def test_a_viewer_near_the_end_is_live_without_a_search(played, after, begin):
    """The process of the live views gives it all up to the end of then, and what is written behind that."""
    watch = played.watch(after)
    assert played.attached == [(watch.viewer, begin, END)] and not played.searches
    watch.hand("1")
    assert played.asked == [watch.viewer]
    watch.hand(missed=7, live=True)
    watch.hand("a", "b")
    watch.hand(missed=3)
    watch.hand("c")
    left_out = [("missed", {"lines": number}) for number in (7, 3)]
    assert watch.events == ["1", left_out[0], "a", "b", left_out[1], "c"] and played.missed == 10
    assert watch.viewer.state == "LIVE" and len(played.asked) == 1


def test_a_viewer_catches_up_by_a_search_and_steps(played):
    """A search looks up to the end of then; the process gives the rest, as it is asked for it."""
    watch = played.watch(Position(1, 0))
    (search,) = played.searches
    wanted = {"q": "query", "join": False, "begin": "1:1", "end": "2:100"}
    assert search.values == NO_LIMITS | wanted
    played.end = Position(2, 120)
    search.taker.receive_data(b"(1 and 2)")
    search.taker.receive_end(None)
    assert played.attached == [(watch.viewer, END, END)]
    assert watch.viewer.state == "CATCHING_UP"
    watch.hand("3")
    assert played.asked == [watch.viewer]
    watch.hand("4", live=True)
    watch.hand("5")
    assert watch.events == ["3", "4", "5"] and b"(1 and 2)" in watch.browser.received
    assert len(played.asked) == 1 and played.missed == 0


def test_much_written_meanwhile_is_searched(played, monkeypatch):
    """Then another search is faster, but not for ever."""
    monkeypatch.setattr(viewer_module, "NEAR", 10)
    monkeypatch.setattr(viewer_module, "MOST_SEARCHES", 2)
    watch = played.watch(Position(1, 0))
    for end in (200, 300):
        played.end = Position(2, end)
        played.searches[-1].taker.receive_end(None)
    assert [search.values["begin"] for search in played.searches] == ["1:1", "2:100"]
    assert played.attached == [(watch.viewer, Position(2, 200), Position(2, 200))]


def test_a_slow_client_hears_what_it_missed(played, monkeypatch):
    """Nothing is written to it; later it has what waited, and hears how many lines it missed."""
    monkeypatch.setattr(viewer_module, "MOST_WAITING", 1)
    watch = played.watch(live=True)
    watch.hand("a")
    watch.viewer.pauseProducing()
    had = watch.browser.received
    watch.hand("b")
    watch.hand("c", "d")
    played.clock.advance(HEARTBEAT_EVERY)
    assert watch.browser.received == had
    watch.viewer.resumeProducing()
    assert watch.events == ["a", "b", ("missed", {"lines": 2})] and played.missed == 2
    watch.hand("e")
    assert watch.events[3:] == ["e"]
    watch.viewer.pauseProducing()
    played.clock.advance(STALLED_AFTER)
    assert watch.browser.transport.aborting


def test_a_slow_client_that_may_see_only_some_lines_does_not_hear_how_many_it_missed(
    played, monkeypatch
):
    monkeypatch.setattr(viewer_module, "MOST_WAITING", 1)
    watch = played.watch(live=True, only="app=web")
    watch.viewer.pauseProducing()
    watch.hand("a")
    watch.hand("b", "c")
    watch.viewer.resumeProducing()
    assert watch.events == ["a", ("missed", {"lines": None})] and played.missed == 2


def test_a_client_that_does_not_read_loses_nothing_while_it_catches_up(played):
    """It loses nothing: the search waits for it, and the process is asked for no more."""
    watch = played.watch(Position(1, 0))
    (search,) = played.searches
    watch.viewer.pauseProducing()
    assert search.told == ["pause"]
    watch.viewer.resumeProducing()
    assert search.told == ["pause", "resume"]
    search.taker.receive_end(None)
    watch.viewer.pauseProducing()
    watch.viewer.resumeProducing()
    watch.viewer.pauseProducing()
    watch.hand("1")
    assert not played.asked
    watch.viewer.resumeProducing()
    assert played.asked == [watch.viewer]
    watch.viewer.pauseProducing()
    watch.viewer.resumeProducing()
    watch.hand("2", live=True)
    assert watch.events == ["1", "2"] and len(played.asked) == 1


def test_the_next_search_for_a_client_that_does_not_read_waits_for_it(played):
    """It is full at the end of one search: the transport does not ask it again to pause."""
    watch = played.watch(Position(1, 0))
    watch.viewer.pauseProducing()
    played.end = Position(9, 0)
    played.searches[0].taker.receive_end(None)
    after = played.searches[1]
    assert after.told == ["pause"]
    watch.viewer.resumeProducing()
    assert after.told == ["pause", "resume"]


def test_a_viewer_hears_what_it_missed_before_it_was_live_at_once(played):
    """The next line, which would say so, too, may come tomorrow."""
    watch = played.watch()
    watch.hand("1", missed=3, live=True)
    assert watch.events == ["1", ("missed", {"lines": 3})]


@pytest.mark.parametrize("live", [False, True])
def test_a_client_that_reads_again_is_not_cut_off_and_hears_heartbeats(played, live):
    watch = played.watch(live=True) if live else played.watch(Position(1, 0))
    watch.viewer.pauseProducing()
    played.clock.advance(STALLED_AFTER - 1)
    watch.viewer.resumeProducing()
    played.clock.pump([HEARTBEAT_EVERY] * 20)
    assert not watch.browser.transport.aborting
    assert watch.browser.received.count(HEARTBEAT) == 20


def test_a_heartbeat_is_sent_at_intervals(played):
    watch = played.watch()
    played.clock.advance(HEARTBEAT_EVERY)
    played.clock.advance(HEARTBEAT_EVERY)
    assert watch.browser.received.count(b": still here\n\n") == 2


def test_a_client_that_disconnects_ends_its_viewer(played):
    live, catching = played.watch(live=True), played.watch(Position(1, 0))
    live.browser.leave()
    catching.browser.leave()
    assert played.ended == [live.viewer, catching.viewer]
    assert played.searches[0].told == ["kill"]
    assert played.left == [live.viewer, catching.viewer]
    assert not played.clock.getDelayedCalls()


def test_a_closed_client_is_told_why_or_cut_off(played):
    """A client that reads is told why; one that doesn't is cut off."""
    watch, silent = played.watch(live=True), played.watch()
    silent.viewer.pauseProducing()
    for one in (watch, silent):
        one.viewer.close("the server is being stopped")
        one.viewer.close("again")
    assert watch.events == [("problem", {"error": "the server is being stopped"})]
    assert watch.browser.received.endswith(b"0\r\n\r\n")
    assert silent.browser.transport.aborting and len(played.left) == 2


def test_a_failed_search_closes_the_stream_with_its_reason(played):
    watch = played.watch(Position(1, 0))
    played.searches[0].taker.receive_end(Problem(503, "no disk"))
    assert watch.events == [("problem", {"error": "no disk"})]
    assert watch.viewer.state == "ENDED"


def test_a_viewer_without_a_process_leaves_nothing_behind(played):
    """Nothing stays of its viewer: no heartbeat to a client that was sent away."""
    watch = played.watch(Position(1, 0))
    played.broken = "the live views have failed just now"
    played.searches[0].taker.receive_end(None)
    assert watch.events == [("problem", {"error": "the live views have failed just now"})]
    assert played.ended == [watch.viewer]
    watch.browser.leave()
    assert not played.clock.getDelayedCalls()


def test_each_event_has_its_bytes():
    assert line_event("17:5", '{"a":1}') == b'id: 17:5\nevent: line\ndata: {"a":1}\n\n'
    assert missed_event(3) == b'event: missed\ndata: {"lines": 3}\n\n'
    assert missed_event(None, "2:0") == b'event: missed\ndata: {"lines": null, "from": "2:0"}\n\n'
    assert error_event("a\nb").count(b"\n") == 3
    # A comment, which nobody takes for an event.
    assert HEARTBEAT.startswith(b":")


def test_waiting_events_keep_their_order():
    box = EventQueue(3)
    assert box.add(b"ab", 2) == 0
    box.count_left_out(0)
    box.count_left_out(2)
    box.count_left_out(3)
    assert box.add(b"c", 1) == 0
    assert box.add(b"(gone)", 0) == 0
    assert box.add(b"d", 1) == 1
    assert box.pop_events(100) == b"ab" + missed_event(5) + b"c(gone)" + missed_event(1)
    assert box.add(b"efg", 3) == 0 and box.pop_events(100) == b"efg" and box.pop_events(100) == b""


def test_events_are_taken_in_pieces_of_about_the_asked_size():
    """About as much as is asked for, and at least one piece, however long."""
    box = EventQueue(9)
    for data in (b"x" * 100, b"y", b"z" * 100):
        box.add(data, 1)
    assert box.pop_events(1) == b"x" * 100
    assert box.pop_events(50) == b"y" + b"z" * 100


def test_a_reader_of_some_lines_is_not_told_how_many_are_missed():
    """Most of the lines that came too fast may be others."""
    box = EventQueue(1, tells_number=False)
    assert box.add(b"a", 1) == 0 and box.add(b"b", 1) == 1
    box.count_left_out(70)
    assert box.pop_events(100) == b"a" + missed_event(None)
