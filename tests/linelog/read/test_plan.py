"""A plan reads whatever can have a hit, and leaves out what its times, positions and words exclude."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read import plan
from logsrv.linelog.read.figures.groups import count_lines
from logsrv.linelog.read.plan import ReadTask, Scope, SearchStats, plan_tasks
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.words.build import make_missing_indexes
from tests.parts.stores import BEGIN, line, make_store, view_of

# Five segments of about 3 MiB, a line a minute; the third plain, the fifth active.
COUNT = 1500
SEGMENTS = [
    [line(f"{segment}/{number} " + "x" * 2000, 60 * (segment * COUNT + number)) for number in range(COUNT)]
    for segment in range(5)
]  # fmt: skip


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    return view_of(make_store(tmp_path_factory.mktemp("plan") / "logs", SEGMENTS, packed=2))


def moment(minutes: float) -> str:
    return rfc3339(BEGIN + 60 * minutes)


def lines_of(view: View, planned: list[ReadTask]) -> list[bytes]:
    found: list[bytes] = []
    for task in planned:
        frames = view.open_segment(task.segment)
        assert frames is not None
        for _, text in frames.lines_between(task.start, task.stop):
            found += text.splitlines(keepends=True)
        frames.close()
    return found


def test_a_plan_without_limits_reads_everything_in_order(view):
    planned = list(plan_tasks(view, Scope(), SearchStats()))
    assert lines_of(view, planned) == [one for segment in SEGMENTS for one in segment]
    assert list(plan_tasks(view, Scope(), SearchStats(), reverse=True)) == planned[::-1]


@pytest.mark.slow
def test_times_and_positions_leave_out_nothing_that_is_in_them(view):
    every = [one for segment in SEGMENTS for one in segment]
    last = 5 * COUNT

    @given(st.floats(-10, last + 10), st.floats(-10, last + 10), st.booleans(), st.booleans())
    def check(since: float, until: float, with_since: bool, with_until: bool) -> None:
        scope = Scope(
            since=moment(since) if with_since else "", until=moment(until) if with_until else ""
        )
        stats = SearchStats()
        found = lines_of(view, list(plan_tasks(view, scope, stats)))
        wanted = [
            one
            for one in every
            if one[:27].decode() >= scope.since
            and (not scope.until or one[:27].decode() < scope.until)
        ]
        assert set(wanted) <= set(found)
        # No more than a frame too many on either side.
        assert len(found) - len(wanted) <= 2 * 600

    check()


def test_few_frames_are_read_for_a_short_time(view):
    stats = SearchStats()
    list(plan_tasks(view, Scope(since=moment(1000), until=moment(1002)), stats))
    assert stats.frames <= 2
    assert stats.segments == 1
    assert stats.skipped_segments == 4


def test_after_and_before_leave_out_exactly_their_lines(view):
    first, second = len(SEGMENTS[1][0]), len(SEGMENTS[1][0]) + len(SEGMENTS[1][1])
    after = lines_of(view, list(plan_tasks(view, Scope(after=Position(2, first)), SearchStats())))
    assert after[0] == SEGMENTS[1][2]
    before = lines_of(
        view, list(plan_tasks(view, Scope(before=Position(2, second)), SearchStats()))
    )
    assert before[-1] == SEGMENTS[1][1]
    assert len(before) == COUNT + 2


def test_the_word_index_chooses_frames(view, monkeypatch):
    monkeypatch.setattr(plan, "frames_with_need", lambda *_: 0b10)
    stats = SearchStats()
    planned = list(plan_tasks(view, Scope(), stats))
    assert stats.frames == 5
    assert all(task.start > 0 for task in planned)
    assert stats.skipped_frames > 5


@pytest.mark.parametrize("packed", [-1, 0], ids=["packed", "plain"])
def test_a_late_line_is_found_wherever_it_stands(tmp_path, packed):
    """The clock was set back: first, last or amid newer lines, sealed or active."""
    late = [line(f"late {number}", 60 * number) for number in range(6)]
    first, second, third = SEGMENTS[2:]
    first = [late[0], *first, late[1]]
    second = [*second[:700], late[2], *second[700:]]
    third = [late[3], *third[:700], late[4], *third[700:], late[5]]
    stats = SearchStats()
    view = view_of(make_store(tmp_path / "logs", [first, second, third], packed))
    found = lines_of(view, list(plan_tasks(view, Scope(until=moment(COUNT)), stats)))
    assert [one for one in found if b" late " in one] == late
    assert stats.frames <= len(late)
    newest = lines_of(
        view, list(plan_tasks(view, Scope(since=moment(5 * COUNT - 1)), SearchStats()))
    )
    assert SEGMENTS[4][-1] in newest
    view.close()


@given(
    st.lists(st.integers(0, 50), max_size=30),
    st.integers(0, 3),
    st.integers(-5, 55),
    st.integers(0, 60),
)
def test_lines_in_any_order_are_found(order, packed, since, length):
    with tempfile.TemporaryDirectory() as directory:
        some = [line(f"{number}", 60 * minute) for number, minute in enumerate(order)]
        parts = [some[:10], some[10:15], some[15:20], some[20:]]
        parts = [part for part in parts[:3] if part] + [parts[3]]
        view = view_of(make_store(Path(directory) / "logs", parts, packed))
        scope = Scope(since=moment(since), until=moment(since + length))
        wanted = [
            one for one, minute in zip(some, order, strict=True) if since <= minute < since + length
        ]
        search = Search(view, make_matcher(parse("")), scope, processes=1)
        assert [hit.line + b"\n" for hit in search.hits()] == wanted
        assert [hit.line + b"\n" for hit in search.hits(reverse=True)] == wanted[::-1]
        search.close()
        view.close()


def test_frames_without_times_are_read(tmp_path):
    store = make_store(tmp_path / "logs", [SEGMENTS[0], []])
    for path in store.glob("*.idx"):
        path.unlink()
    view = View(str(store), lambda _: None)
    found = lines_of(view, list(plan_tasks(view, Scope(since=moment(1490)), SearchStats())))
    assert found == SEGMENTS[0]


# About 9 frames; each rare word is in one of them, and the common ones in all.
LINES = [
    line(
        f"user{number % 50} said hello world quickly "
        + ("zebra " if number == 4000 else "")
        + (f"trace={number:032x}f part=1 " if number % 1000 == 0 else "")
        + "lorem ipsum " * 80,
        number,
    )
    for number in range(9000)
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = make_store(tmp_path / "logs", [LINES, [line("zebra in the active segment", 10_000)]])
    disk = Disk().open_directory(made)
    list(make_missing_indexes(disk))
    disk.close()
    return made


def searched(store: Path, query: str, *, index: bool = True) -> tuple[int, int, list[str]]:
    """How many lines are found, how many frames were read, what was said."""
    told: list[str] = []
    search = Search(
        View(str(store), told.append), make_matcher(parse(query)), Scope(), with_index=index
    )
    return count_lines(search), search.stats.frames, told


@pytest.mark.parametrize(
    ("query", "lines", "most"),
    [
        ("zebra", 2, 3),
        ("ZEBRA", 0, 3),
        ("nosuchword", 0, 3),
        ("zebra hello", 1, 3),
        ("zebra OR trace:00001770f", 3, 5),
        (f'"{5000:032x}"', 1, 5),
    ],
)
def test_a_rare_word_needs_few_frames(store, query, lines, most):
    found, frames, told = searched(store, query)
    assert told == []
    assert (found, searched(store, query, index=False)[0]) == (lines, lines)
    assert frames <= most < searched(store, query, index=False)[1]


@pytest.mark.parametrize("query", ["hello", "lo", "NOT zebra", "/z.bra/", "user7 OR lo", "said=x"])
def test_the_word_index_leaves_out_no_hit(store, query):
    assert searched(store, query)[0] == searched(store, query, index=False)[0]


@pytest.mark.parametrize("damage", [b"", b"nonsense" * 100])
def test_a_damaged_word_index_is_told_and_not_used(store, damage):
    [words] = store.glob("*.words")
    words.write_bytes(damage)
    found, _, told = searched(store, "zebra")
    assert found == 2
    assert len(told) == 1
    assert "is not used: " in told[0]


def test_a_fifo_instead_of_a_word_index_is_told_in_words_for_people(store):
    [words] = store.glob("*.words")
    words.unlink()
    os.mkfifo(words)
    found, _, told = searched(store, "zebra")
    assert found == 2
    assert len(told) == 1 and "Errno" not in told[0]


def test_the_word_index_of_another_segment_is_not_used(store):
    other = make_store(store.parent / "other", [LINES[:3000], []])
    disk = Disk().open_directory(other)
    list(make_missing_indexes(disk))
    [foreign], [words] = other.glob("*.words"), store.glob("*.words")
    words.write_bytes(foreign.read_bytes())
    found, _, told = searched(store, "zebra")
    assert found == 2
    assert "of another segment" in told[0]
