"""Searching a whole store gives what looking at each of its lines would."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read import stored_lines as stored_lines
from logsrv.linelog.read.figures.groups import count_lines
from logsrv.linelog.read.figures.tallies import count_sources
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import LineContext, StoredLines, group_with_context
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.parts.examples import more
from tests.parts.stores import line, make_store, remove_segment, view_of

# Of 18 frames: more than one process does alone.
COUNT = 3000
SEGMENTS = [
    [
        line(
            f"number={segment * COUNT + number} " + ("needle " if number % 1000 == 7 else "") + "x" * 1200,
            segment * COUNT + number,
            f"tcp:10.0.0.{number % 3}:5000",
        )
        for number in range(COUNT)
    ]
    for segment in range(5)
]  # fmt: skip
EVERY = [one for segment in SEGMENTS for one in segment]


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    return view_of(make_store(tmp_path_factory.mktemp("search") / "logs", SEGMENTS, packed=3))


def search(view: View, query: str, **scope: object) -> Search:
    return Search(view, make_matcher(parse(query)), Scope(**scope))  # type: ignore[arg-type]


def number_of(hit: Hit) -> int:
    return int(hit.line.split(b"number=")[1].split(b" ")[0])


@pytest.mark.slow
def test_positions_lead_to_their_lines(view):
    for hit in search(view, "needle").hits():
        frames = view.open_segment(hit.position.segment)
        assert frames is not None
        offset = hit.position.offset
        [(found, text)] = list(frames.lines_between(offset, offset + 1))
        assert (found, text) == (offset, hit.line + b"\n")


def test_the_first_hits_need_little(view):
    found = search(view, "needle")
    assert len(list(islice(found.hits(), 2))) == 2
    assert found.stats.frames <= 3


def test_after_and_before_leave_out_the_lines_they_name(view):
    hits = list(search(view, "needle").hits())
    later = search(view, "needle", after=hits[3].position, before=hits[9].position)
    assert list(later.hits()) == hits[4:9]


def context(
    view: View, query: str, around: LineContext, *, reverse: bool = False
) -> list[list[str]]:
    hits = search(view, query).hits(reverse=reverse)
    groups = []
    for group in group_with_context(view, hits, around, reverse=reverse):
        shown = [f"{number_of(hit)}{'-' if is_context else ''}" for hit, is_context in group.lines]
        groups.append(shown)
    return groups


@pytest.mark.slow
def test_neighbours_cross_segments(view):
    groups = context(view, '"number=3000 " OR "number=6000 "', LineContext(2, 1))
    assert groups == [
        ["2998-", "2999-", "3000", "3001-"],
        ["5998-", "5999-", "6000", "6001-"],
    ]
    assert (
        context(view, '"number=3000 " OR "number=6000 "', LineContext(2, 1), reverse=True)
        == groups[::-1]
    )


@pytest.mark.slow
def test_hits_that_are_near_share_a_group(view):
    query = '"number=100 " OR "number=103 " OR "number=108 "'
    assert context(view, query, LineContext(1, 1)) == [
        ["99-", "100", "101-", "102-", "103", "104-"],
        ["107-", "108", "109-"],
    ]
    assert context(view, query, LineContext(3, 1), reverse=True) == [
        ["97-", "98-", "99-", "100", "101-", "102-", "103", "104-", "105-", "106-", "107-", "108", "109-"]
    ]  # fmt: skip
    assert context(view, '"number=0 "', LineContext(3, 0)) == [["0"]]


def test_a_segment_that_retention_takes_meanwhile_is_left_out(tmp_path):
    store = make_store(tmp_path / "logs", SEGMENTS[:3])
    found = search(view_of(store), "needle").hits()
    first = next(found)
    assert first.position.segment == 1
    remove_segment(store, 2, sum(map(len, SEGMENTS[1])), len(SEGMENTS[1]))
    assert {hit.position.segment for hit in found} == {1, 3}


def test_sealing_between_plan_and_reading_doubles_and_loses_nothing(tmp_path):
    from logsrv.linelog.store.disk import Disk
    from logsrv.linelog.store.sealing.seal import seal
    from logsrv.linelog.store.segment import segments

    store = make_store(tmp_path / "logs", SEGMENTS[:2], packed=0)
    found = search(view_of(store), "needle").hits()
    seen = [next(found)]
    disk = Disk().open_directory(store)
    seal(segments(disk)[0], disk)
    seen += found
    assert [number_of(hit) % 1000 for hit in seen] == [7] * 6
    assert len({hit.position for hit in seen}) == 6
    assert seen[-1].position > Position(2, 0)


def test_a_source_is_what_stands_in_the_stamp(tmp_path):
    """Of a line without TIME and SOURCE, no word is taken for one; a pattern may be any bytes."""
    some = [line("a"), b"not tcp:x\n", b"not tcp:x stamped\n", line("b", source="unix:/run/\u00fc")]
    view = view_of(make_store(tmp_path / "logs", [some]))
    assert count_lines(search(view, "", source="tcp:*")) == 1
    assert count_lines(search(view, "", source="*/\u00fc")) == 1
    assert count_lines(search(view, "", source="\udcff*")) == 0
    assert [one.source for one in count_sources(search(view, ""))] == [
        "tcp:127.0.0.1:51234",
        "unix:/run/\u00fc",
    ]


def test_segments_that_overlap_by_a_moment_are_both_searched(tmp_path):
    """Of two segments that overlap by less than a second, both are searched."""
    some = [[line("a", 10), line("late", 10.2)], [line("early", 9.6), line("b", 11)], []]
    view = view_of(make_store(tmp_path / "logs", some))
    since, until = (line("", 10.1)[:27].decode(), line("", 9.7)[:27].decode())
    found = search(view, "", since=since).hits()
    assert [hit.line.split()[2] for hit in found] == [b"late", b"b"]
    assert [hit.line.split()[2] for hit in search(view, "", until=until).hits()] == [b"early"]


HITS = 60


def expected(hits: list[int], around: LineContext, reverse: bool) -> list[list[tuple[int, bool]]]:
    shown = sorted(
        {
            number
            for hit in hits
            for number in range(hit - around.before, hit + around.after + 1)
            if 0 <= number < HITS
        }
    )
    groups: list[list[tuple[int, bool]]] = []
    for number in shown:
        if not groups or groups[-1][-1][0] != number - 1:
            groups.append([])
        groups[-1].append((number, number not in hits))
    return groups[::-1] if reverse else groups


@pytest.mark.parametrize("largest", [10_000, 5])
def test_groups_are_as_expected(tmp_path, monkeypatch, largest):
    monkeypatch.setattr(stored_lines, "LARGEST", largest)
    every = [line(f"{number}", number) for number in range(HITS)]
    store = make_store(tmp_path / "logs", [every[:20], every[20:35], every[35:]])
    view = view_of(store)
    lines = list(StoredLines(view).lines_from(Position(0, 0)))
    number_of = {hit.position: number for number, hit in enumerate(lines)}

    @more(1.5)
    @given(st.sets(st.integers(0, HITS - 1)), st.integers(0, 4), st.integers(0, 4), st.booleans())
    def check(chosen: set[int], before: int, after: int, reverse: bool) -> None:
        around = LineContext(before, after)
        hits = [lines[number] for number in sorted(chosen, reverse=reverse)]
        found = [
            (
                [(number_of[hit.position], is_context) for hit, is_context in group.lines],
                group.goes_on,
            )
            for group in group_with_context(view, iter(hits), around, reverse=reverse)
        ]
        wanted = expected(sorted(chosen), around, reverse)
        if largest > HITS:
            assert found == [(group, False) for group in wanted]
        else:
            # In parts: each line once all the same.
            shown = sorted(one for group, _ in found for one in group)
            assert shown == sorted(one for group in wanted for one in group)

    check()
