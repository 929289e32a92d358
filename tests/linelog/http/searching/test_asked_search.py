"""One search: its pauses, its time, its end."""

from pathlib import Path
from unittest.mock import Mock

from twisted.internet.task import Clock

from logsrv.linelog.http.searching.asked_search import AskedSearch
from tests.parts.search_orders import order_of, values_of
from tests.parts.web_requests import SearchSink

ORDER = order_of(Path("nowhere"), "search", values_of("search"))


def test_a_search_that_was_paused_before_its_turn_begins_with_its_pause():
    """Its sink takes nothing yet, and the pause takes nothing of its time."""
    clock, sink, child = Clock(), SearchSink(), Mock()
    ended: list[AskedSearch] = []
    search = AskedSearch(ORDER, sink, clock, 10.0, ended.append)
    search.pause()
    search.run_in(child)
    assert child.pause.called and not child.resume.called
    clock.advance(100)
    search.resume()
    assert child.resume.called
    clock.advance(9.9)
    assert not sink.done.called
    clock.advance(0.2)
    assert sink.done.called


def test_neither_a_pause_nor_its_end_gives_a_search_other_time():
    clock, sink = Clock(), SearchSink()
    ended: list[AskedSearch] = []
    search = AskedSearch(ORDER, sink, clock, 10.0, ended.append)
    search.run_in(Mock())
    for _ in range(3):
        clock.advance(3)
        search.pause()
        search.pause()
        clock.advance(100)
        search.resume()
        search.resume()
    clock.advance(0.9)
    assert not sink.done.called
    clock.advance(0.2)
    assert sink.done.called and sink.done.result.status == 503 and ended == [search]
