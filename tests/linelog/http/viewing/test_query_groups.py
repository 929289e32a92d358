"""Hundreds of queries in a poll: the same lines as each by itself, and a bound on the time."""

from collections.abc import Callable
from itertools import count

import pytest

from logsrv.linelog.http.viewing import query_groups
from logsrv.linelog.http.viewing.live import PolledLines
from logsrv.linelog.http.viewing.query_groups import QueryGroup, SingleQuery, group_queries
from logsrv.linelog.http.viewing.watched_query import WatchedQuery
from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line

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
    found = [WatchedQuery(text, 0.0, 1000) for text in texts]
    for query in found:
        query.begin_poll(0.0, 1000, 1000, most)
    return found


def clock(step: float) -> Callable[[], float]:
    """A time that is later by `step` whenever it is asked for."""
    times = count(1)
    return lambda: next(times) * step


@pytest.mark.parametrize("most", [1000, 3, 0])
def test_a_group_finds_what_each_query_finds(most, monkeypatch):
    monkeypatch.setattr(query_groups, "CHUNK", 500)
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
        if isinstance(group_queries([query] * query_groups.MANY)[0], SingleQuery)
    }


def test_without_time_the_newest_text_is_searched(monkeypatch):
    """The newest text is looked at, and each line of the rest is left out."""
    monkeypatch.setattr(query_groups, "CHUNK", 500)
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
