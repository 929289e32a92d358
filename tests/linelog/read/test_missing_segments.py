"""Segments that are gone without a note are named by whatever reads past them, and no others are."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.plan import Scope, missing_segments
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.segment_notes import RemovedRun, note_empty, note_removed
from tests.parts.commands import logsrv
from tests.parts.stores import Writer, line, make_store
from tests.parts.waits import join

# Six segments of a line each, a minute after another; the last one is active.
SEGMENTS = [[line(f"line {number}", 60 * number)] for number in range(6)]
TIMES = [texts[0][:27].decode() for texts in SEGMENTS]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store", SEGMENTS, packed=3)


def remove(store: Path, *numbers: int) -> None:
    for number in numbers:
        for path in store.glob(f"{number:010d}-*"):
            path.unlink()


ALL = Scope()


def told(store: Path, scope: Scope = ALL, *, most: int = 100, reverse: bool = False) -> list[str]:
    """Return what a search that ends after `most` lines reports."""
    said: list[str] = []
    with View(str(store), said.append, away=True) as view:
        search = Search(view, make_matcher(parse("")), scope, processes=1)
        for number, _ in enumerate(search.hits(reverse=reverse), 1):
            if number >= most:
                break
        assert view.damaged is bool(said)
        search.close()
    return said


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ([2], ["segment 2 is missing"]),
        ([3], ["segment 3 is missing"]),
        ([4], ["segment 4 is missing"]),
        ([5], ["segment 5 is missing"]),
        ([2, 3], ["segments 2 to 3 are missing"]),
        ([2, 4], ["segment 2 is missing", "segment 4 is missing"]),
        ([2, 3, 4, 5], ["segments 2 to 5 are missing"]),
        ([1], []),
        ([1, 2, 3], []),
        ([1, 2, 3, 4, 5], []),
        ([], []),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_segments_missing_between_others_are_named(store, gone, expected, reverse):
    """The oldest ones may be gone: that is what retention does, and what an operator may do by hand."""
    remove(store, *gone)
    said = [sentence.partition(",")[0] for sentence in told(store, reverse=reverse)]
    assert sorted(said) == expected


def test_removed_and_empty_segments_are_not_missing(store):
    remove(store, 2, 3, 4)
    with Disk().open_directory(store) as disk:
        note_removed([RemovedRun(range(2, 3), 100, 1)], disk)
        note_empty(4, disk)
    assert [re.sub(", with.*", "", one) for one in told(store)] == ["segment 3 is missing"]


def test_a_sentence_says_which_times_are_concerned(store):
    remove(store, 2)
    [sentence] = told(store)
    since, until = (f"{TIMES[at][:19]}.000000Z" for at in (0, 2))
    assert f"is missing, with lines from {since} on up to {until}, " in sentence
    assert sentence.endswith("logsrv doctor says what to do")


@pytest.mark.parametrize(
    ("scope", "is_told"),
    [
        (Scope(since=TIMES[3]), False),
        (Scope(until=TIMES[0]), False),
        (Scope(since=TIMES[2]), True),
        (Scope(until=TIMES[1]), True),
        (Scope(since=TIMES[0], until=TIMES[5]), True),
    ],
)
def test_only_what_may_be_in_the_times_of_a_search_is_named(store, scope, is_told):
    remove(store, 2)
    assert bool(told(store, scope)) is is_told
    with View(str(store), lambda _: None, away=True) as view:
        assert bool(missing_segments(view, scope)) is is_told


def test_a_search_that_ends_before_names_nothing(store):
    remove(store, 2)
    assert told(store, most=1, reverse=True) == []


@pytest.fixture
def rotating(tmp_path: Path) -> Iterator[Path]:
    """A store in which another thread rotates, seals and removes without a pause."""
    writer, going = Writer(tmp_path / "rotating"), threading.Event()
    going.set()

    def run() -> None:
        while going.is_set():
            writer.write()
            writer.rotate()
            while writer.plain:
                writer.seal()

    thread = threading.Thread(target=run)
    thread.start()
    yield writer.directory
    going.clear()
    join(thread)


@pytest.mark.slow
def test_a_store_that_is_written_to_lacks_nothing(rotating):
    for _ in range(100):
        assert told(rotating) == []


@pytest.mark.parametrize("words", [["search", "line"], ["search", "-c"], ["tail"], ["show", "2:0"]])
def test_commands_name_missing_segments_and_end_with_status_2(store, words):
    remove(store, 2)
    done = logsrv(*words, "-d", str(store))
    assert b"segment 2 is missing" in done.stderr and done.returncode == 2
