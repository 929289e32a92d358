"""New lines for live viewers: at a bounded cost, for hundreds of queries, and for one that catches up."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from logsrv.linelog.http.views import catch_up, polls
from logsrv.linelog.http.views.catch_up import CatchUp, CatchUpStep
from logsrv.linelog.http.views.polls import (
    LiveReader,
    PolledLines,
    QueryGroup,
    SingleQuery,
    group_queries,
)
from logsrv.linelog.http.views.view_protocol import LiveQuery
from logsrv.linelog.http.views.watched_query import SharedEvents, WatchedQuery
from logsrv.linelog.read.follow import AppendedLines, end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store, view_of

QUERIES = [
    *(f"word{number}" for number in range(20)),
    "word1 OR word2",
    'app=web "word 3"',
    "/word[45]/",
    "app=db",
    "app:web -word7",
    "-word1",
    "",
]


def polled_lines(*segments: list[bytes], pieces: int = 3) -> PolledLines:
    """The lines of a poll, so many in a piece."""
    found = []
    for number, held in enumerate(segments, 1):
        offset = 0
        for at in range(0, len(held), pieces):
            text = b"".join(held[at : at + pieces])
            found.append(AppendedLines(Position(number, offset), text))
            offset += len(text)
    return PolledLines(found, [piece.text.count(b"\n") for piece in found], 0, False)


POLLED = polled_lines(
    [line(f"app=web word{number} word {number}", number) for number in range(20)],
    [line(f"app=db WORD{number}", number) for number in range(20)],
)


def watched(texts: list[str], most: int = 1000) -> list[WatchedQuery]:
    found = [WatchedQuery(LiveQuery(text), 0.0, 1000) for text in texts]
    for query in found:
        query.begin_poll(0.0, 1000, 1000, most)
    return found


def clock(step: float) -> Callable[[], float]:
    """A time that is later by `step` whenever it is asked for."""
    times = count(1)
    return lambda: next(times) * step


@pytest.mark.parametrize("most", [1000, 3, 0])
def test_a_group_finds_what_each_query_finds(most, monkeypatch):
    monkeypatch.setattr(polls, "CHUNK", 500)
    together_, alone = watched(QUERIES, most), watched(QUERIES, most)
    made = group_queries(together_)
    assert any(isinstance(one, QueryGroup) for one in made)
    for unit in [*made, *map(SingleQuery, alone)]:
        unit.match_polled(POLLED, lambda: 0.0, 1.0)
    for text, one, other in zip(QUERIES, together_, alone, strict=True):
        assert (text, one.hits, one.missed) == (text, other.hits, other.missed)
        assert len(one.hits) <= most
        assert [hit.line for hit in one.hits] == [
            POLLED_TEXTS[hit.position.segment][hit.position.offset :].split(b"\n")[0]
            for hit in one.hits
        ]


POLLED_TEXTS = {
    number: b"".join(p.text for p in POLLED.pieces if p.position.segment == number)
    for number in (1, 2)
}


def test_few_queries_do_not_load_numpy():
    assert all(isinstance(one, SingleQuery) for one in group_queries(watched(QUERIES[:5])))


def test_a_slow_query_takes_no_time_from_others():
    """Those that ask for words, those that ask for more, and those that any line may match are apart."""
    made = group_queries(watched(QUERIES))
    shapes = [len(one.queries) for one in made]
    assert shapes[0] == 21 and sum(shapes) == len(QUERIES)
    assert {"", "-word1"} == {
        text
        for text, query in zip(QUERIES, watched(QUERIES), strict=True)
        if isinstance(group_queries([query] * polls.MANY)[0], SingleQuery)
    }


def test_without_time_the_newest_text_is_searched(monkeypatch):
    """The newest text is looked at, and each line of the rest is left out."""
    monkeypatch.setattr(polls, "CHUNK", 500)
    queries = watched([f"word{number}" for number in range(20)])
    (unit,) = group_queries(queries)
    unit.match_polled(POLLED, clock(0.1), 2.05)
    shown = [len(one.hits) for one in queries]
    assert 0 < sum(shown) < 40
    assert all(0 < one.missed < 40 for one in queries)


def test_queries_without_time_are_first_in_the_next_look():
    queries = watched([f"word{number}" for number in range(2, 20)])
    (unit,) = group_queries(queries)
    seen: set[int] = set()
    for _ in range(len(queries)):
        for query in queries:
            query.begin_poll(0.0, 1000, 1000, 1000)
        unit.match_polled(POLLED, clock(1.0), 0.5)
        seen |= {number for number, query in enumerate(queries) if query.hits}
        assert sum(bool(query.hits) for query in queries) == 1
        assert sum(query.missed == 40 for query in queries) == len(queries) - 1
    assert len(seen) == len(queries)


def reading(store: Path, begin: Position | None = None) -> tuple[View, LiveReader]:
    """A view of a store, and who looks at it from its end on or from that position."""
    view = view_of(store)
    return view, LiveReader(view, begin or end_of_store(view))


def write(store: Path, text: bytes) -> None:
    with (store / "current.log").open("ab") as file:
        file.write(text)


def test_each_line_is_in_one_look(tmp_path):
    """Each line is in one poll, at its position; a line that is not whole is in the next."""
    store = make_store(tmp_path / "store", [[line("old")]])
    _, reader = reading(store)
    assert reader.poll() == ([], [], 0, False)
    write(store, line("new")[:10])
    assert reader.poll().pieces == []
    write(store, line("new")[10:])
    (news,) = reader.poll().pieces
    assert news.text == line("new") and news.position == Position(1, len(line("old")))


def test_too_many_lines_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(polls, "PIECE", 1000)
    monkeypatch.setattr(polls, "KEPT", 5000)
    store = make_store(tmp_path / "store", [[]])
    view, reader = reading(store)
    write(store, line("x" * 60) * 1000)
    polled = reader.poll()
    kept = sum(news.text.count(b"\n") for news in polled.pieces)
    assert polled.missed + kept == 1000
    assert 5000 <= sum(len(news.text) for news in polled.pieces) < 7000
    assert polled.pieces[-1].text.endswith(b"\n") and reader.position == end_of_store(view)


def test_skipped_lines_are_estimated(tmp_path, monkeypatch):
    """The number is about right, and what is shown are the newest lines, none from before the gap."""
    monkeypatch.setattr(polls, "PIECE", 1000)
    monkeypatch.setattr(polls, "KEPT", 5000)
    monkeypatch.setattr(polls, "COUNTED", 20_000)
    store = make_store(tmp_path / "store", [[]])
    view, reader = reading(store)
    write(store, line("x" * 60) * 10_000)
    polled = reader.poll()
    kept = sum(news.text.count(b"\n") for news in polled.pieces)
    assert 9500 < polled.missed + kept < 10_500 and kept > 20
    assert reader.position == end_of_store(view)
    text = b"".join(news.text for news in polled.pieces)
    assert (store / "current.log").read_bytes().endswith(text)
    write(store, line("after"))
    (news,) = reader.poll().pieces
    assert news.text == line("after")


def test_no_line_behind_the_end_of_a_poll_is_read_or_skipped(tmp_path, monkeypatch):
    """Viewers that begin there would miss it."""
    monkeypatch.setattr(polls, "PIECE", 1000)
    monkeypatch.setattr(polls, "KEPT", 5000)
    monkeypatch.setattr(polls, "COUNTED", 20_000)
    each = line("x" * 60)
    store = make_store(tmp_path / "store", [[each] * 10_000])
    _, reader = reading(store, Position(1, 0))
    polled = reader.poll(until=Position(1, 6000 * len(each)))
    assert reader.position == Position(1, 6000 * len(each))
    assert 5700 < polled.missed + sum(polled.lines) < 6300


def test_skipped_segments_are_estimated(tmp_path, monkeypatch):
    monkeypatch.setattr(polls, "PIECE", 1000)
    monkeypatch.setattr(polls, "KEPT", 2000)
    monkeypatch.setattr(polls, "COUNTED", 5000)
    many = [line("x" * 60)] * 500
    view, reader = reading(make_store(tmp_path / "store", [many, many, many]), Position(1, 0))
    polled = reader.poll()
    assert reader.position == end_of_store(view) and {
        news.position.segment for news in polled.pieces
    } == {3}
    assert 1450 < polled.missed + sum(news.text.count(b"\n") for news in polled.pieces) < 1550


def test_a_look_says_that_retention_removed_lines(tmp_path):
    store = make_store(tmp_path / "store", [[line("a")], [line("b")], [line("c")]])
    _, reader = reading(store, Position(1, 0))
    for path in store.glob("0000000001*"):
        path.unlink()
    polled = reader.poll()
    assert polled.gone and polled.pieces[0].position == Position(2, 0)
    assert b"".join(news.text for news in polled.pieces) == line("b") + line("c")


SIZE = len(line("0"))
LINES = [line(str(number), number) for number in range(8)]


@contextmanager
def viewer(
    view: View, begin: Position, sure: Position | None = None, query: str = ""
) -> Iterator[CatchUp]:
    end = end_of_store(view)
    found = CatchUp(WatchedQuery(LiveQuery(query)), begin, sure or end, view)
    yield found
    found.close()


def messages(step: CatchUpStep) -> list[str]:
    events = step.data.decode().split("\n\n")[:-1]
    return [json.loads(one.partition("data: ")[2])["message"] for one in events]


@pytest.mark.parametrize("offset", [0, 1, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE])
@pytest.mark.parametrize("packed", [0, 1])
def test_a_viewer_gets_lines_from_its_position_on(tmp_path, offset, packed):
    """Also if it stands in the middle of a line, and the segment was compressed meanwhile."""
    view = view_of(make_store(tmp_path / "store", [LINES[:4], LINES[4:]], packed=packed))
    with viewer(view, Position(1, offset)) as behind:
        step = behind.next_step(end_of_store(view), 1000, SharedEvents())
        assert messages(step) == [str(number) for number in range(-(-offset // SIZE), 8)]
        assert step.over and not step.missed and step.lines == len(messages(step))


def test_a_step_may_have_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr(catch_up, "MOST_IN_STEP", 1)
    view = view_of(make_store(tmp_path / "store", [LINES[:4], LINES[4:]]))
    with viewer(view, Position(1, 0), query="7") as behind:
        steps = [behind.next_step(end_of_store(view), 1000, SharedEvents())]
        while not steps[-1].over:
            steps.append(behind.next_step(end_of_store(view), 1000, SharedEvents()))
        assert [messages(step) for step in steps] == [[], ["7"]]


def test_lines_up_to_sure_are_not_limited(tmp_path):
    """Behind that it has as much as others have, and hears of the rest."""
    view = view_of(make_store(tmp_path / "store", [LINES[:4], LINES[4:]]))
    with viewer(view, Position(1, 0), Position(2, 0)) as behind:
        end = Position(2, 4 * SIZE)
        assert messages(behind.next_step(end, 1, SharedEvents())) == [
            str(number) for number in range(8)
        ]
    with viewer(view, Position(1, 0), Position(1, 0)) as behind:
        step = behind.next_step(end, 1, SharedEvents())
        assert messages(step) == ["0", "1", "2", "3"]
        assert step == CatchUpStep(step.data, 4, missed=4, over=True)
