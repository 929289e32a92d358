"""The live page, `logsrv search --records` and /api/record have the same records, in any mix of senders."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.http.views.watched_query import AskedRecords, LatestRecords
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.record_match import RecordQuery
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.records.found_records import FoundRecords, whole_record
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.parts.stack_traces import GO, JAVA, OTHERS, PYTHON, split_sample
from tests.parts.stores import line, make_store, view_of

TRACES = [split_sample(sample)[0] for sample in (JAVA, PYTHON, GO, OTHERS)]
# A further line can only make them true.
QUERIES = ("level>=error", "error main", "caused OR goroutine", "raise file")


def mixed_lines(senders: int, order: list[int]) -> list[bytes]:
    """Return the lines of some senders, which log one trace after the other, in some order."""
    texts = [
        iter([*TRACES[number % len(TRACES)], "INFO done"] * len(order)) for number in range(senders)
    ]
    return [
        line(next(texts[number % senders]), at // 10, f"tcp:[::1]:{number % senders}")
        for at, number in enumerate(order)
    ]


def positions(hits: list[Hit]) -> frozenset[Position]:
    return frozenset(hit.position for hit in hits)


def shown_live(view: View, query: str, lines: list[bytes], pieces: list[int]) -> set[Position]:
    """Return the lines that a viewer gets if the lines come in pieces of so many."""
    latest, asked = LatestRecords(), AskedRecords(parse(query))
    asked.begin = Position(1, 0)
    continuations, at, shown = Continuations(view), Position(1, 0), set()
    left = list(lines)
    while left:
        size = pieces[len(left) % len(pieces)]
        some, left = left[:size], left[size:]
        piece = AppendedLines(at, b"".join(some), continuations=continuations)
        shown |= {one.hit.position for one in asked.lines(latest.add([piece], view, [asked]), at)}
        at = at.beside(len(piece.text))
    return shown


@given(
    query=st.sampled_from(QUERIES),
    senders=st.integers(1, 4),
    order=st.lists(st.integers(0, 11), min_size=1, max_size=80),
    pieces=st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
def test_the_live_page_shows_the_records_that_a_search_finds(query, senders, order, pieces):
    lines = mixed_lines(senders, order)
    asked = RecordQuery(parse(query))
    with tempfile.TemporaryDirectory() as directory:
        view = view_of(make_store(Path(directory), [lines]))
        search = Search(view, asked.candidates, Scope(), processes=1)
        stored = StoredLines(view)
        found = list(FoundRecords(stored, asked.matches).records(search.hits()))
        every = {position for record in found for position in positions(record)}
        assert sum(map(len, found)) == len(every)
        for record in found:
            for hit in record:
                assert positions(whole_record(stored, hit)) == positions(record)
        assert shown_live(view, query, lines, pieces) == every
        search.close()
        stored.close()
