"""A query asked of whole records, in stores where the lines of several senders are mixed."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.level_names import RANK
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.record_match import RecordQuery
from logsrv.linelog.query.text_search.literals import AllOf, Literal, Need
from logsrv.linelog.read import texts
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.records import found_records, limits
from logsrv.linelog.read.records.found_records import (
    FollowedRecords,
    lines_beyond,
    lines_of_records,
)
from logsrv.linelog.read.records.line_documents import about_lines
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.linelog.read.traces import TRACES, records_of, stored
from tests.parts.stores import line, make_store, view_of

Wanted = Callable[[list[ParsedLine]], bool]


def has(word: str) -> Wanted:
    return lambda record: any(word in one.line.decode().lower() for one in record)


def is_error(record: list[ParsedLine]) -> bool:
    levels = [one.level for one in record if one.level]
    return bool(levels) and RANK[levels[0]] >= RANK["error"]


QUERIES: dict[str, Wanted] = {
    "level>=error": is_error,
    "level>=error caused": lambda record: is_error(record) and has("caused")(record),
    "level>=error -caused": lambda record: is_error(record) and not has("caused")(record),
    "level<error OR main": lambda record: (
        has("main")(record) or (any(one.level for one in record) and not is_error(record))
    ),
    "-error": lambda record: not has("error")(record),
    "error main": lambda record: has("error")(record) and has("main")(record),
    "NOT (error main)": lambda record: not (has("error")(record) and has("main")(record)),
    "(file OR goroutine) -(level=error OR raise)": lambda record: (
        (has("file")(record) or has("goroutine")(record))
        and not (
            [one.level for one in record if one.level][:1] == ["error"] or has("raise")(record)
        )
    ),
    '/line [0-9]+/ source="tcp:[::1]:1"': lambda record: any(
        ", line " in one.line.decode() for one in record
    ) and str(record[0].source).endswith(":1"),
}  # fmt: skip


def beyond(view: View, answer: list[Hit], hits: list[Hit]) -> list[Hit]:
    """Return what an answer lacks of its records, which may be all lines of a part of the store."""
    if not answer:
        return []
    begin, end = hits.index(answer[0]), hits.index(answer[-1])
    found = None if answer == hits[begin : end + 1] else {hit.position for hit in answer}
    return [one.hit for one in lines_beyond(view, answer[0].position, answer[-1].position, found)]


def others_of_records(answer: list[Hit], hits: list[Hit]) -> list[Hit]:
    """Return the lines of an answer's records before its first and after its last line."""
    records = [record for record in records_of(hits) if set(record) & set(answer)]
    return sorted(hit for record in records for hit in record if not answer[0] <= hit <= answer[-1])


@given(
    query=st.sampled_from(list(QUERIES)),
    size=st.integers(1, 100),
    kinds=st.integers(1, 4),
    at_once=st.sampled_from([1, 2, 100]),
    choice=st.randoms(use_true_random=False),
    cuts=st.tuples(*[st.integers(0, 99)] * 2),
)
def test_the_lines_of_matching_records_come_in_order(query, size, kinds, at_once, choice, cuts):
    """Four senders write at once, with pauses; any part is asked for, from both of its ends."""
    traces = [TRACES[number % kinds] for number in range(4)]
    senders = [iter([*trace, "INFO done", *trace]) for trace in traces]
    mixed: list[bytes] = []
    seconds = 0
    for number in choice.choices(range(5), [5, 5, 5, 5, 1], k=size):
        if number < len(senders):
            text = next(senders[number], "end")
            mixed.append(line(text, seconds, f"tcp:[::1]:{number}"))
        else:
            seconds += 20
    mixed = mixed or [line("only")]
    asked = RecordQuery(parse(query))
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "SIZE", 300)
        patch.setattr(found_records, "AT_ONCE", at_once)
        lines, hits = stored([line("earlier", -100), *mixed], Path(directory))
        view = view_of(Path(directory))
        wanted = sorted(
            (hit, str(record[0].position))
            for record in records_of(hits)
            if QUERIES[query]([ParsedLine(hit.line) for hit in record])
            for hit in record
        )

        def search(after: Position | None, before: Position | None) -> Search:
            scope = Scope(after=after or Position(1, 1 << 40), before=before)
            return Search(view, asked.candidates, scope, processes=1)

        first, last = (
            hits[min(cut, len(hits) - 1)].position if cut < 80 else None for cut in sorted(cuts)
        )
        part = [
            one for one in wanted
            if (not first or one[0].position > first) and (not last or one[0].position < last)
        ]  # fmt: skip
        for reverse in (False, True):
            found = lines_of_records(
                view, search, asked.matches, after=first, before=last, reverse=reverse
            )
            assert [
                (hit._replace(first_line=None), about.get("continues", str(hit.position)))
                for piece in found
                for hit, about in piece
            ] == part[:: -1 if reverse else 1]
        for answer in ([one[0] for one in part], hits[slice(*sorted(cuts))]):
            assert beyond(view, answer, hits) == others_of_records(answer, hits)
        followed = FollowedRecords(asked.matches).records(
            hits[0].position, b"".join(hit.line + b"\n" for hit in hits),
            [hit for hit in hits if asked.candidates.matches(hit.line)], 0.0,
        )  # fmt: skip
        shown = {hit for record in followed for hit in record}
        assert shown <= {one[0] for one in wanted}
        lines.close()


def test_a_record_that_reaches_over_the_edge_of_a_part_is_asked_as_a_whole(tmp_path):
    texts = [
        "ERROR failed",
        *[f"\tat {number}" for number in range(500)],
        "Caused by: com.acme.Boom",
    ]
    view = view_of(make_store(tmp_path, [[line(text) for text in texts]]))
    query = RecordQuery(parse("level=error Boom"))
    every = [hit.position for hit in Search(view, Matcher(parse("")), Scope()).hits()]

    def positions(after: Position | None = None, before: Position | None = None) -> list[Position]:
        pieces = lines_of_records(
            view,
            lambda after, before: Search(view, query.candidates, Scope(after=after, before=before)),
            query.matches, after=after, before=before,
        )  # fmt: skip
        return [hit.position for piece in pieces for hit, _ in piece]

    assert positions() == every
    assert positions(before=every[200]) == every[:200]
    assert positions(after=every[200], before=every[400]) == every[201:400]
    assert positions(after=every[-2]) == every[-1:]


def test_a_record_goes_on_in_frames_without_hits(tmp_path, monkeypatch):
    """A margin has fewer lines than the store between two pauses."""
    monkeypatch.setattr(texts, "SIZE", 300)
    monkeypatch.setattr(limits, "MARGIN", 40)
    record = ["ERROR failed", *[f"\tat {number}" for number in range(30)]]
    view = view_of(make_store(tmp_path, [[line(text) for text in record * 5]]))
    query = RecordQuery(parse("level=error"))
    for reverse in (False, True):
        pieces = lines_of_records(
            view, lambda *_: Search(view, query.candidates, Scope()), query.matches, reverse=reverse
        )
        assert sum(map(len, pieces)) == 5 * len(record)


@pytest.mark.parametrize(
    "query", ["level=error", "level=error boom", "-level=info -other", "a=1", "message=* a>0"]
)
def test_an_object_in_parts_is_asked_as_a_whole(query, tmp_path):
    """Its level and its fields are in no line."""
    parts = ['P {"a":1,"level":"err', 'P or","message":"bo', 'F om boom"}']
    lines = [line(f"2026-11-27T06:00:00.1Z stdout {part}") for part in parts]
    view = view_of(make_store(tmp_path, [[*lines, line('{"level":"info"}'), line("other")]]))
    asked = RecordQuery(parse(query))
    pieces = lines_of_records(
        view, lambda *_: Search(view, asked.candidates, Scope()), asked.matches
    )
    assert [hit.line[:-1].endswith(b"}") for piece in pieces for hit, _ in piece] == [False] * 3


def test_the_level_of_an_object_in_parts_is_that_of_its_record():
    parts = ['P {"level":"err', 'F or"}', "F \tat com.acme.Cart.add(Cart.java:9)"]
    texts = [line(f"2026-11-27T06:00:00.1Z stdout {part}").rstrip() for part in parts]
    about = about_lines([ParsedLine(text, str(number)) for number, text in enumerate(texts)])
    assert [one.get("level") for one in about] == [None, "error", "error"]


@pytest.mark.parametrize("query", ["user=bob17", "bob17=*", "bob17>0", "level=error user=bob17"])
def test_the_lines_of_a_container_without_a_field_can_be_ruled_out(query):
    """Each of them may be a part, and a word index knows only words."""
    needs = RecordQuery(parse(query)).candidates.needs
    assert needs is not None
    assert not may_have(needs, b"06:00:00.1Z stdout P level=error user=ann ")
    assert may_have(needs, b'06:00:00.1Z stdout P {"level":"error","user":"bob17","a')


def may_have(need: Need, line: bytes) -> bool:
    if isinstance(need, Literal):
        return need.text in line
    found = [may_have(part, line) for part in need.parts]
    return all(found) if isinstance(need, AllOf) else any(found)


def test_a_deep_query_is_asked_of_records():
    query = RecordQuery(parse("(-" * 90 + "x" + ")" * 90))
    assert query.matches([ParsedLine(line("x").rstrip())])
    assert not query.matches([ParsedLine(line("y").rstrip())])
