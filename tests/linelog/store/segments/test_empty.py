"""The numbers of segments that had no lines are known after their files are gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.segments.removed import EMPTY, empty_numbers, note_empty, were_empty
from tests.linelog.store.faults import at


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 30), st.integers(0, 5))
def test_it_is_said_of_those_that_were_noted_and_of_no_other(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], first: int, count: int
) -> None:
    disk = at(tmp_path_factory.mktemp("store"))
    for number in numbers:
        note_empty(number, disk)
    asked = range(first, first + count)
    assert were_empty(asked, disk) == all(number in numbers for number in asked)
    disk.leave()


def test_they_stand_in_runs(tmp_path: Path) -> None:
    disk = at(tmp_path)
    for number in (5, 6, 7, 22, 6):
        note_empty(number, disk)
    assert (tmp_path / EMPTY).read_text() == "empty 5-7 22 6a305c8c\n"
    disk.leave()


def test_of_too_many_the_oldest_are_forgotten(tmp_path: Path) -> None:
    disk = at(tmp_path)
    # As a version wrote it that knew no sums.
    (tmp_path / EMPTY).write_text(" ".join(map(str, range(2, 2002, 2))) + "\n")
    note_empty(5000, disk)
    runs = empty_numbers(disk)
    assert (len(runs), runs[0], runs[-1]) == (1000, range(4, 5), range(5000, 5001))
    disk.leave()


@pytest.mark.parametrize("data", [b"", b"what\n", b"\xff-1", b"-", b"7-"])
def test_a_file_that_makes_no_sense_tells_nothing(tmp_path: Path, data: bytes) -> None:
    disk = at(tmp_path)
    (tmp_path / EMPTY).write_bytes(data)
    assert not were_empty(range(1, 3), disk)
    note_empty(1, disk)
    assert were_empty(range(1, 2), disk)
    disk.leave()
