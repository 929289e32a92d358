"""Whole records around a line, in stores where the lines of several senders are mixed."""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.continuations.joiner import MOST_LINES
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records import found_records
from logsrv.linelog.read.records.found_records import FoundRecords, whole_record
from logsrv.linelog.read.records.limits import MOST_READ
from logsrv.linelog.read.records.line_documents import joined_documents
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import Position
from tests.linelog.read.traces import TRACES, records_of, stored
from tests.parts.stores import line, view_of


@given(st.lists(st.integers(0, 3), min_size=1, max_size=120))
def test_each_line_leads_to_its_whole_record(order):
    """Four senders write at once, in any order."""
    senders = [iter(trace) for trace in TRACES]
    lines = [
        line(text, 0, f"tcp:[::1]:{number}")
        for number in order
        if (text := next(senders[number], None)) is not None
    ]
    with tempfile.TemporaryDirectory() as directory:
        view, hits = stored([line("earlier", -100), *lines], Path(directory))
        for record in records_of(hits):
            for hit in record:
                assert whole_record(view, hit) == record
        view.close()


@pytest.mark.slow
def test_each_line_of_an_endless_trace_leads_to_the_same_record(tmp_path):
    lines = [line("first"), *(line(f"\tat {number}") for number in range(2500))]
    view, hits = stored(lines, tmp_path)
    for number in (0, 999, 1000, 1700, 2400):
        begin = number - number % MOST_LINES
        assert whole_record(view, hits[number]) == hits[begin : begin + MOST_LINES]
        joined = joined_documents(view_of(tmp_path), hits[number : number + 1])
        assert joined[0].get("continues", str(hits[number].position)) == str(hits[begin].position)


class CountedLines(StoredLines):
    """Stored lines that count how many were read backwards."""

    read = 0

    def lines_before(self, start: Position, *, to_gap: bool = False) -> Iterator[Hit]:
        for hit in super().lines_before(start, to_gap=to_gap):
            self.read += 1
            yield hit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "lines", "read"),
    [("\tat a.B.c", MOST_LINES, MOST_READ), ("State: a", 1, 19), ("no words", 1, 7)],
)
def test_a_hundred_thousand_lines_without_a_beginning_are_read_back_so_far(
    tmp_path, text, lines, read
):
    """Of a hit in the middle the record has its usual size, and as many are found for hits far apart."""
    view, hits = stored([line(text)] * 100_000, tmp_path)
    counted = CountedLines(view_of(tmp_path))
    assert len(whole_record(counted, hits[50_000])) == lines
    assert counted.read <= read
    found = list(FoundRecords(view).records(hits[::20_000]))
    assert [len(record) for record in found] == [lines] * 5
    counted.close()
    view.close()


OUT = "2026-11-20T06:00:00.1Z stdout"
# A container's lines, some of them in parts; the last one has no end.
CONTAINER = [
    'P {"level":"err',
    'P or","mess',
    'F age":"x"}',
    "F \tend",
    "F next",
    "P a",
    "F ",
    "P b",
    "P c",
]


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.lists(st.integers(0, 40)),
    st.booleans(),
)
def test_the_parts_of_a_line_are_the_same_on_any_page(order, ends, reverse):
    """Two streams of two containers, in pages of any size, in both directions."""
    streams = [iter(CONTAINER) for _ in range(4)]
    lines = [
        line(f"{OUT[:-6]}std{('out', 'err')[number % 2]} {text}", 0, f"file:[::1]:{number // 2}")
        for number in order
        if (text := next(streams[number], None)) is not None
    ]
    with tempfile.TemporaryDirectory() as directory:
        stored_lines, hits = stored([line("earlier", -100), *lines], Path(directory))
        view = view_of(Path(directory))
        whole = {one["position"]: one for one in joined_documents(view, hits)}
        for start, end in pairwise([0, *sorted(ends), len(hits)]):
            page = hits[start:end][:: -1 if reverse else 1]
            assert joined_documents(view, page) == [whole[str(hit.position)] for hit in page]
        stored_lines.close()
        view.close()


def test_the_last_part_of_a_line_has_the_whole_one(tmp_path):
    lines = [line(f"{OUT} {text}", 0, "file:[::1]:1") for text in CONTAINER]
    view, hits = stored(lines, tmp_path)
    documents = joined_documents(view_of(tmp_path), hits)
    first = documents[0]["position"]
    assert [one.get("rest") for one in documents[1:3]] == ['or","mess', None]
    whole = documents[2]["whole"]
    assert whole["message"] == f'{OUT} F {{"level":"error","message":"x"}}'
    assert (whole["level"], whole["fields"]["message"]) == ("error", "x")
    assert [one.get("continues") for one in documents[:5]] == [None, first, first, first, None]
    assert documents[6]["whole"]["message"] == f"{OUT} F a"
    assert [one.get("rest") for one in documents[7:]] == [None, "c"]
    assert sum("whole" in one for one in documents) == 2
    view.close()


def test_a_store_is_not_read_beyond_the_time_of_a_record(tmp_path):
    others = [line(f"other {number}", 0, "tcp:[::1]:2") for number in range(MOST_READ)]
    view, hits = stored([line("first"), *others[:9], line(" last", 5), *others], tmp_path)
    assert whole_record(view, hits[10]) == [hits[0], hits[10]] == whole_record(view, hits[0])
    view, hits = stored([line("first"), *others, line(" last", 5)], tmp_path / "many")
    assert whole_record(view, hits[0]) == [hits[0]]
    assert whole_record(view, hits[-1]) == [hits[-1]]


RELAY = "udp:[::1]:514"
# A container's lines, some in parts; one ends without its last part.
MIXED_CONTAINER = (
    "P ERROR part|P : no|F \tend|F java.lang.Error: x|P \tat a.b(|F c.java:1)|F next|P |P a"
)


def stored_line(sender: int, text: str) -> bytes:
    """A line of one of twelve senders.

    Four have a connection each, four are programs behind one relay, four streams of two containers.
    """
    if sender >= 8:
        stream = ("stdout", "stderr")[sender % 2]
        return line(f"2026-11-20T06:00:00.1Z {stream} {text}", 0, f"file:[::1]:{sender // 2}")
    if sender < 4:
        return line(text, 0, f"tcp:[::1]:{sender}")
    return line(f"<13>1 2026-11-26T08:00:00Z web shop {sender} - - {text}", 0, RELAY)


@given(st.lists(st.integers(0, 11), min_size=1, max_size=120), st.randoms(use_true_random=False))
def test_the_records_of_hits_are_found_whole_and_once(order, choice):
    """Twelve senders write at once, in any order, and any of their lines match."""
    senders = [iter(trace) for trace in (*TRACES, *TRACES, *[MIXED_CONTAINER.split("|")] * 4)]
    lines = [
        stored_line(number, text)
        for number in order
        if (text := next(senders[number], None)) is not None
    ]
    with tempfile.TemporaryDirectory() as directory:
        view, hits = stored([line("earlier", -100), *lines], Path(directory))
        wanted = [hit for hit in hits if choice.random() < choice.random()]
        expected = [record for record in records_of(hits) if not set(record).isdisjoint(wanted)]
        found = list(FoundRecords(view).records(wanted))
        assert sorted(found) == expected
        if len(wanted) == len(hits):
            assert found == expected
        found_records.REVERSED = 3
        assert sorted(FoundRecords(view).newest_records(reversed(wanted))) == expected
        view.close()
