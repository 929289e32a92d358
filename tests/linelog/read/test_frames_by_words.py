"""What a query needs becomes frames, by the word index of a segment, or all where it cannot tell."""

import os
from pathlib import Path

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.words.build import make_missing_indexes
from tests.parts.stores import line, make_store

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
    return search.count(), search.stats.frames, told


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


def test_a_fifo_in_its_place_is_told_in_words_for_people(store):
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
