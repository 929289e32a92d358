"""What a query of live viewers has of a poll: so many lines a second, the newest, and how many others."""

import json
import re

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.http.views import watched_query
from logsrv.linelog.http.views.view_protocol import LiveQuery
from logsrv.linelog.http.views.watched_query import PIECE, SharedEvents, WatchedQuery, event_pieces
from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records.joining import OpenRecord, OpenRecords
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line

TEXT = b"".join(line(f"{number}", number) for number in range(6))
SIZE = len(line("0"))
LINES = [(number * SIZE, (number + 1) * SIZE - 1) for number in range(6)]


def test_the_newest_lines_within_what_is_allowed():
    query = WatchedQuery(LiveQuery(""), 0.0, 4)
    query.begin_poll(0.0, 1, 5, 3)
    query.add_matches(AppendedLines(Position(1, 6 * SIZE), TEXT), LINES[:2])
    query.add_matches(AppendedLines(Position(1, 0), TEXT), LINES)
    assert [str(hit.position) for hit in query.hits] == [f"1:{n * SIZE}" for n in (5, 6, 7)]
    assert (query.missed, query.allowed) == (5, 0)
    # One was left, and a second has gone by; later no more than a burst is saved up.
    query.begin_poll(1.0, 1, 5, 100)
    assert (query.allowed, query.hits, query.missed) == (2, [], 0)
    query.begin_poll(100.0, 1, 5, 100)
    assert query.allowed == 5


def test_each_line_is_made_an_event_once(monkeypatch):
    made: list[Hit] = []

    def as_json(hit: Hit) -> str:
        made.append(hit)
        return json.dumps(hit.line.decode())

    monkeypatch.setattr(watched_query, "hit_as_json", as_json)
    hits = [Hit(Position(1, number), b"x" * 100) for number in range(3)]
    events, query = SharedEvents(), WatchedQuery(LiveQuery("x"))
    assert events.events_for(hits, query) == events.events_for(hits, query) and len(made) == 3
    # What is kept is bounded.
    monkeypatch.setattr(watched_query, "KEPT_EVENTS", 300)
    events.events_for([Hit(Position(2, 0), b"y" * 400)], query)
    events.events_for(hits, query)
    assert len(made) == 7


def test_events_are_shared_again_after_too_many_were_dropped(monkeypatch):
    query, hits = WatchedQuery(LiveQuery("x")), [Hit(Position(1, at), b"x") for at in range(30)]
    [one] = SharedEvents().events_for(hits[:1], query)
    monkeypatch.setattr(watched_query, "KEPT_EVENTS", 10 * (len(one) + len("29") - len("0")))
    events = SharedEvents()
    for hit in hits:
        events.events_for([hit], query)
    newest = hits[-5:]
    for first, second in zip(
        events.events_for(newest, query), events.events_for(newest, query), strict=True
    ):
        assert first is second


def test_extracted_fields_are_in_the_events_of_their_viewers():
    """Other viewers of the same line do not get them; figures are not live."""
    query = WatchedQuery(LiveQuery('x | extract "took <ms> ms" | where ms>5'), 0.0, 9)
    hits = [Hit(Position(1, 0), line("x took 7 ms", 0)[:-1])]
    events = SharedEvents()
    (plain,) = events.events_for(hits, WatchedQuery(LiveQuery("x")))
    (event,) = events.events_for(hits, query)
    assert b'"fields":{"ms":"7"}' in event and b'"fields":{}' in plain
    assert query.matcher.matches(hits[0].line)
    with pytest.raises(QueryError, match="a live view takes lines"):
        WatchedQuery(LiveQuery("x | count"), 0.0, 9)


def test_events_are_joined_to_pieces():
    assert list(event_pieces([])) == []
    assert list(event_pieces([b"a", b"b"])) == [(2, b"ab")]
    large = b"x" * PIECE
    assert list(event_pieces([b"a", large, b"b"])) == [(2, b"a" + large), (1, b"b")]


@pytest.mark.parametrize(
    ("query", "missed"),
    [("-healthz", 0), ("failed", 0), ("failed OR x", 0), ("-(a b)", 0), ("failed healthz", 1)],
)
def test_only_what_may_need_several_lines_of_a_record_is_missed(query, missed):
    """A filter that leaves out lines misses none."""
    watched = WatchedQuery(LiveQuery(query, True), 0.0, 9)
    text = b"".join([*[line("healthz")] * 3, line("failed")])
    watched.count_unasked([AppendedLines(Position(1, 0), text)])
    assert (watched.missed > 0) == missed


def records_seen(query: str, *messages: str, only: str = "") -> list[str]:
    """The messages of the lines that a viewer of records gets, in one poll."""
    watched = WatchedQuery(LiveQuery(query, True, only), 0.0, 99)
    assert watched.asked is not None
    records = OpenRecords()
    touched: dict[OpenRecord, None] = {}
    offset = 0
    for number, message in enumerate(messages):
        stored = line(message, number / 1000).removesuffix(b"\n")
        hit = Hit(Position(1, offset), stored)
        touched[records.add(hit, ParsedLine(stored))] = None
        offset += len(stored) + 1
    watched.begin_poll(0.0, 99, 99, 99)
    watched.add_records(list(touched), Position(1, 0))
    events = b"".join(watched.events(SharedEvents())).decode()
    return [json.loads(data)["message"] for data in re.findall("data: (.*)", events)]


def test_hidden_lines_are_in_no_record_of_a_viewer():
    """Neither are they shown, nor does a query find a record by them."""
    trace = ("ERROR web failed", "  at quagga.One(x.java:1)", "  at web.Two(x.java:2)", "web on")
    assert records_seen("failed", *trace) == [*trace[:3]]
    assert records_seen("failed", *trace, only="web") == [trace[0], trace[2]]
    assert records_seen("quagga", *trace) == [*trace[:3]]
    assert records_seen("quagga", *trace, only="web") == []
    assert records_seen("NOT failed", *trace, only="nothing") == []


def test_lines_of_others_are_not_counted_for_a_reader_of_some():
    text = b"".join(line(f"{app} failed", 1) for app in ("web", "api", "api"))
    watched = WatchedQuery(LiveQuery("failed x", True, "web"), 0.0, 9)
    watched.count_unasked([AppendedLines(Position(1, 0), text)])
    assert watched.missed == 1
    assert watched.matcher.count(text) == 0
    assert WatchedQuery(LiveQuery("failed", only="web")).matcher.count(text) == 1
