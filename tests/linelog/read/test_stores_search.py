"""A search of several stores answers as one store with all lines would."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import accumulate, islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.figures.compared_groups import group
from logsrv.linelog.read.figures.grouping import Figure, Grouping
from logsrv.linelog.read.figures.groups import count_lines, count_values
from logsrv.linelog.read.figures.time_buckets import histogram
from logsrv.linelog.read.patterns.find import find_patterns
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import LineContext, group_with_context
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.stages.sort import Sorting
from logsrv.linelog.steps.steps import Steps
from logsrv.linelog.store.segment import Position, number_of_store
from tests.parts.stores import line, lines, make_store, small_frames, view_of

QUERIES = ("", "level=error", "n<3 -blue", "blue OR red", "xylophagous")
FIGURES = (Figure("sum", "n"), Figure("max", "n"), Figure("p95", "n"), Figure("count"))
Written = list[tuple[int, float, bytes]]
"""Lines with their store and their seconds, in the order in which they were written."""


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Lines of three stores, whose clocks are right: many have equal times."""
    steps = draw(st.lists(st.sampled_from((0, 0, 0.5, 1, 60)), max_size=30))
    found = []
    for number, seconds in enumerate(accumulate(steps)):
        colour, level = draw(st.sampled_from(("red", "blue"))), draw(st.sampled_from("ei"))
        n = draw(st.integers(0, 5))
        message = f"level={'error' if level == 'e' else 'info'} {colour} line={number} n={n}"
        found.append((draw(st.integers(0, 2)), seconds, line(message, seconds)))
    return found


def _segments(held: list[bytes], size: int) -> list[list[bytes]]:
    return [*(held[at : at + size] for at in range(0, len(held), size)), []]


@contextmanager
def both_searches(
    of: Written, size: int, query: str, scope: Scope
) -> Iterator[tuple[StoresSearch, Search]]:
    """A search of three stores, and one of a store that has all lines in the order of the merged ones."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for number in range(3):
            held = [text for store, _, text in of if store == number]
            make_store(top / "abc"[number], _segments(held, size))
        ordered = [text for _, _, text in sorted(of, key=lambda one: (one[1], one[0]))]
        make_store(top / "all", _segments(ordered, size))
        names = [str(top / name) for name in "abc"]
        matcher = make_matcher(parse(query))
        with (
            StoresView(names, lambda name: view_of(Path(name)), pytest.fail) as view,
            view_of(top / "all") as whole,
            closing(StoresSearch(view, matcher, scope)) as several,
            closing(Search(whole, matcher, scope)) as one,
        ):
            yield several, one


def found_lines(search: Search, *, reverse: bool = False) -> list[bytes]:
    found = [hit.line for hit in search.hits(reverse=reverse)]
    rendered = search.render_hits(lambda hit: hit.line, reverse=reverse)
    assert list(rendered) == found
    return found


@pytest.mark.slow
@given(
    written(),
    st.integers(1, 8),
    st.sampled_from(QUERIES),
    st.sampled_from((Scope(), Scope(since="2026-11-20T06:00:01"), Scope(until="2026-11-20T06:01"))),
)
def test_every_answer_is_that_of_one_store(of, size, query, scope):
    with both_searches(of, size, query, scope) as (several, one):
        assert found_lines(several) == found_lines(one)
        assert found_lines(several, reverse=True) == found_lines(one, reverse=True)
        whole = b"".join(one.render_frames(bytes.upper))
        assert b"".join(several.render_frames(bytes.upper)) == whole
        assert count_lines(several) == count_lines(one)
        for field in ("n", "level", "host"):
            assert count_values(several, field) == count_values(one, field)
        for levels in (False, True):
            assert histogram(several, Steps(30.0), levels=levels) == histogram(
                one, Steps(30.0), levels=levels
            )
        for by, every in ((("level",), None), ((), Steps(60.0))):
            grouping = Grouping(FIGURES, by, every)
            assert group(several, grouping, ()) == group(one, grouping, ())
        for ascending in (False, True):
            largest, same = (
                Sorting("n", ascending=ascending).find(search, (), 4) for search in (several, one)
            )
            assert [hit.line for hit in largest.hits] == [hit.line for hit in same.hits]
            assert largest._replace(hits=[]) == same._replace(hits=[])
        for since in ("", "2026-11-20T06:00:02.000000Z"):
            patterns, others = (find_patterns(search, since) for search in (several, one))
            assert [(*it[:3], it.time) for it in patterns.patterns] == [
                (*it[:3], it.time) for it in others.patterns
            ]


@given(
    written(),
    st.lists(st.integers(0, 60), max_size=4),
    st.sampled_from(QUERIES),
    st.integers(1, 5),
    st.booleans(),
)
def test_pages_neither_leave_out_a_line_nor_repeat_one(of, set_back, query, size, reverse):
    """Each page begins where the last one ended, also if clocks were set back in between."""
    back = [0.0] * len(of)
    for at in set_back:
        back[at:] = [one - 30 for one in back[at:]]
    of = [
        (store, seconds, line(f"level=error blue n=1 at={number}", 999 + seconds + by))
        for number, ((store, seconds, _), by) in enumerate(zip(of, back, strict=True))
    ]
    with both_searches(of, 3, query, Scope()) as (several, _):
        whole = [hit.position for hit in several.hits(reverse=reverse)]
        found: list[Position] = []
        while True:
            last = found[-1] if found else None
            scope = Scope(before=last) if reverse else Scope(after=last)
            page = StoresSearch(several.view, several.matcher, scope)
            with closing(page):
                hits = [hit.position for hit in islice(page.hits(reverse=reverse), size)]
            if not hits:
                break
            found += hits
        assert found == whole


@given(
    written(),
    st.sampled_from(QUERIES),
    st.none() | st.integers(0, 12),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.booleans(),
)
def test_neighbours_are_those_of_each_store(of, query, most, sizes, reverse):
    around = LineContext(*sizes)
    with both_searches(of, 3, query, Scope()) as (several, _):
        hits = list(islice(several.hits(reverse=reverse), most))
        groups = list(several.hits_with_context(most, around, reverse=reverse))
        for number, part in several.view.by_store.items():
            wanted = group_with_context(
                part,
                iter([hit for hit in hits if hit.position.store == number]),
                around,
                reverse=reverse,
            )
            own = [one for one in groups if one.lines[0][0].position.store == number]
            assert own == list(wanted)


def stores_search(*stores: Path, ends: dict[int, Position] | None = None) -> StoresSearch:
    view = StoresView(map(str, stores), lambda name: view_of(Path(name)), pytest.fail)
    return StoresSearch(view, make_matcher(parse("")), Scope(ends=ends))


@pytest.mark.parametrize("reverse", [False, True])
def test_a_store_keeps_its_order_though_its_clock_was_set_back(tmp_path, reverse):
    back = [line("a 0", 50), line("a 1", 10), b"a 2 has no time\n", line("a 3", 20)]
    every = [[back], [lines(["b 0", "b 1", "b 2"], 5, 10)]]
    stores = [make_store(tmp_path / name, held) for name, held in zip("ab", every, strict=True)]
    found = [hit.line for hit in stores_search(*stores).hits(reverse=reverse)]
    assert len(found) == 7
    for (held,), name in zip(every, (b"a ", b"b "), strict=True):
        own = [one + b"\n" for one in found if name in one]
        assert own == (held[::-1] if reverse else held)
    without = found.index(b"a 2 has no time")
    assert b"a 3" in found[without - 1] if reverse else b"a 1" in found[without - 1]


def test_lines_behind_the_given_ends_are_left_out(tmp_path):
    every = lines(["one", "two", "three", "four"])
    stores = [make_store(tmp_path / "a", [every[:2]]), make_store(tmp_path / "b", [every[2:]])]
    ends = {1: Position(1, len(every[0])), 2: Position(1, len(every[2] + every[3]))}
    found = stores_search(*stores, ends=ends).hits()
    assert [hit.line + b"\n" for hit in found] == [every[0], every[2], every[3]]


def test_each_search_counts_what_it_reads_together(tmp_path):
    every = lines(map(str, range(40)))
    stores = [
        make_store(tmp_path / "a", [every[:10], every[10:20]]),
        make_store(tmp_path / "b", [every[20:30], every[30:]]),
    ]
    search = stores_search(*stores)
    frames: list[int] = []
    search.on_frame = lambda: frames.append(1)
    assert len(list(search.hits())) == 40
    assert len(frames) == search.stats.frames == 4
    assert (search.stats.segments, search.stats.skipped_segments) == (4, 0)


@pytest.mark.parametrize("name", ["a", "a" * 32])
def test_frames_of_a_named_store_are_read_by_other_processes(tmp_path, name):
    """Its segments have numbers that no word of a processor has room for."""
    held = lines(f"number {number}" for number in range(60))
    with small_frames(200):
        make_store(tmp_path / "main", [held[:30], held[30:]])
        make_store(tmp_path / "rule", [held, []])
    names = {0: str(tmp_path / "main"), number_of_store(name): str(tmp_path / "rule")}
    matcher = make_matcher(parse(""))
    with (
        StoresView(names, lambda place: view_of(Path(place)), pytest.fail) as view,
        closing(StoresSearch(view, matcher, Scope(), processes=2)) as search,
    ):
        assert count_lines(search) == 120
        found = [*search.hits()]
    assert [hit.line for hit in found] == [line[:-1] for line in held for _ in range(2)]
    assert str(found[1].position) == f"{name}/1:0" and str(found[0].position) == "1:0"
