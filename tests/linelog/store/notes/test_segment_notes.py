"""Segments that are gone are known: those that retention removed, and those that had no lines."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.segment_notes import (
    EMPTY,
    REMOVED,
    UNKNOWN,
    MissingText,
    RemovedRun,
    gaps,
    missed_text,
    note_empty,
    note_removed,
    note_waiting,
    removed_runs,
    runs_of_empty_segments,
    waiting_sizes,
)
from logsrv.linelog.store.segment import Position
from tests.parts.disks import FaultyDisk, at


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = at(tmp_path)
    yield disk
    disk.close()


def run(number: int, size: int, lines: int = 0) -> RemovedRun:
    return RemovedRun(range(number, number + 1), size, lines)


@pytest.mark.parametrize(
    ("numbers", "explained", "found"),
    [
        ([1, 2, 3], [], []),
        ([1, 5], [], [range(2, 5)]),
        ([1, 5], [range(2, 5)], []),
        ([1, 5], [range(2, 3), range(3, 5)], []),
        ([1, 5], [range(1, 9)], []),
        ([1, 5], [range(3, 4)], [range(2, 3), range(4, 5)]),
        ([8, 1, 4, 4], [range(3, 6)], [range(2, 3), range(6, 8)]),
    ],
)
def test_numbers_that_nothing_explains_are_found(numbers, explained, found):
    assert list(gaps(numbers, explained)) == found


@pytest.mark.parametrize(
    ("position", "following", "found"),
    [
        (Position(17, 100), 18, MissingText()),
        (Position(17, 60), 18, MissingText(40, 4)),
        (Position(17, 100), 22, MissingText(57, 6)),
        (Position(18, 0), 22, MissingText(57, 6)),
        (Position(20, 0), 22, MissingText(7, 1)),
        (Position(17, 101), 18, UNKNOWN),
        (Position(16, 0), 18, MissingText(101, 10, known=False)),
        (Position(17, 100), 23, MissingText(58, 6, known=False)),
    ],
)
def test_the_text_that_a_reader_missed_is_counted(disk, position, following, found):
    note_removed([run(17, 100, 10), run(18, 50, 5)], disk)
    note_removed([run(21, 7, 1)], disk)
    for number in 19, 20:
        note_empty(number, disk)
    assert missed_text(position, following, disk) == found


def test_of_many_removed_segments_the_oldest_are_counted_together(disk):
    """But not over the position of somebody who lacks only the later ones."""
    note_removed([run(number, 1 << 40, 7) for number in range(1, 1100)], disk, {50})
    note_removed([run(2000, 1, 1)], disk, {50})
    runs = removed_runs(disk)
    assert len(runs) == 1000 and runs[0].numbers == range(1, 50)
    assert missed_text(Position(1, 0), 1100, disk) == MissingText(1099 << 40, 1099 * 7)
    assert missed_text(Position(50, 3), 1100, disk).bytes == (1050 << 40) - 3
    assert not missed_text(Position(20, 0), 1100, disk).known


def test_of_many_removed_segments_with_gaps_the_oldest_are_forgotten(disk):
    note_removed([run(number, 5) for number in range(1, 2400, 2)], disk)
    runs = removed_runs(disk)
    assert (len(runs), runs[-1].numbers.start) == (1000, 2399)


def test_a_file_removed_of_older_versions_is_read(disk, tmp_path):
    """As versions before wrote it."""
    (tmp_path / REMOVED).write_bytes(b"17:100 18:50\n")
    assert missed_text(Position(17, 60), 19, disk) == MissingText(90)


@pytest.mark.parametrize("data", [b"", b"17\n", b"17:x\n", b"\xff\xfe", b"1:2:3:4\n", b"9-1:2:3\n"])
def test_a_damaged_file_removed_tells_nothing(disk, tmp_path, data):
    (tmp_path / REMOVED).write_bytes(data)
    assert missed_text(Position(17, 5), 18, disk) == UNKNOWN
    note_removed([run(17, 5)], disk)
    assert missed_text(Position(17, 5), 18, disk) == MissingText()


@given(st.lists(st.integers(1, 30), max_size=20))
def test_only_noted_segments_were_empty(tmp_path_factory, numbers):
    disk = at(tmp_path_factory.mktemp("store"))
    for number in numbers:
        note_empty(number, disk)
    assert {number for run in runs_of_empty_segments(disk) for number in run} == set(numbers)
    disk.close()


def test_empty_segments_are_noted_in_runs(tmp_path):
    disk = at(tmp_path)
    for number in (5, 6, 7, 22, 6):
        note_empty(number, disk)
    assert (tmp_path / EMPTY).read_text() == "empty 5-7 22 6a305c8c\n"
    disk.close()


def test_of_too_many_empty_segments_the_oldest_are_forgotten(tmp_path):
    disk = at(tmp_path)
    # As a version wrote it that knew no sums.
    (tmp_path / EMPTY).write_text(" ".join(map(str, range(2, 2002, 2))) + "\n")
    note_empty(5000, disk)
    runs = runs_of_empty_segments(disk)
    assert (len(runs), runs[0], runs[-1]) == (1000, range(4, 5), range(5000, 5001))
    disk.close()


@pytest.mark.parametrize("data", [b"", b"what\n", b"\xff-1", b"-", b"7-"])
def test_an_invalid_file_empty_tells_nothing(tmp_path, data):
    disk = at(tmp_path)
    (tmp_path / EMPTY).write_bytes(data)
    assert not runs_of_empty_segments(disk)
    note_empty(1, disk)
    assert runs_of_empty_segments(disk) == [range(1, 2)]
    disk.close()


def test_a_note_is_on_the_medium_before_what_it_tells_of_is_removed(tmp_path):
    disk = FaultyDisk().open_directory(tmp_path)
    note_removed([RemovedRun(range(1, 3), 100, 2)], disk)
    assert disk.calls[-3:] == ["fdatasync", "rename", "sync_directory"]
    note_empty(3, disk)
    assert disk.calls[-3:] == ["fdatasync", "rename", "sync_directory"]
    disk.close()


@pytest.mark.slow
def test_the_file_waiting_keeps_the_newest_thousand_sizes(tmp_path):
    with at(tmp_path) as disk:
        assert waiting_sizes(disk) == {}
        for number in range(1, 1003):
            note_waiting(number, 10 * number, disk)
        found = waiting_sizes(disk)
    assert len(found) == 1000 and found[1002] == 10020 and 2 not in found
