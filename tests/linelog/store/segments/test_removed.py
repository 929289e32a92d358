"""The sizes of segments that retention has removed are known after their files are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.segments.empty import note_empty
from logsrv.linelog.store.segments.removed import REMOVED, missed, note_removed, removed_sizes
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.store.faults import at


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = at(tmp_path)
    yield disk
    disk.leave()


@pytest.mark.parametrize(
    ("place", "following", "bytes_missed"),
    [
        (Position(17, 100), 18, 0),
        (Position(17, 60), 18, 40),
        (Position(17, 100), 22, 57),
        (Position(18, 0), 22, 57),
        (Position(20, 0), 22, 7),
        (Position(17, 101), 18, None),
        (Position(16, 0), 18, None),
        (Position(17, 100), 23, None),
    ],
)
def test_what_was_missed_is_known(
    disk: Disk, place: Position, following: int, bytes_missed: int | None
) -> None:
    note_removed({17: 100, 18: 50}, disk)
    note_removed({21: 7}, disk)
    for number in 19, 20:
        note_empty(number, disk)
    assert missed(place, following, disk) == bytes_missed


def test_of_too_many_the_oldest_are_forgotten(disk: Disk) -> None:
    note_removed(dict.fromkeys(range(1, 1100), 1 << 40), disk)
    note_removed({2000: 1}, disk)
    sizes = removed_sizes(disk)
    assert (len(sizes), min(sizes), max(sizes)) == (1000, 101, 2000)


@pytest.mark.parametrize("data", [b"", b"17\n", b"17:x\n", b"\xff\xfe", b"1:2:3\n"])
def test_a_file_that_is_damaged_tells_nothing(disk: Disk, tmp_path: Path, data: bytes) -> None:
    (tmp_path / REMOVED).write_bytes(data)
    assert missed(Position(17, 5), 18, disk) is None
    note_removed({17: 5}, disk)
    assert missed(Position(17, 5), 18, disk) == 0
