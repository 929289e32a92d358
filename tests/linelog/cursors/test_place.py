"""A kept place: read as it was saved, and never taken for what it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.cursors.place import Place, foreign, load, save
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.segments.segment import Position

ID = "ab" * 16
PLACE = Place(Position(17, 52311), ID, "2026-11-20T06:18:42.123456Z", {"target": "a b"})


class FullDisk(Disk):
    def writev(self, fd: int, buffers: object) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk().enter(tmp_path)
    yield disk
    disk.leave()


@pytest.mark.parametrize("sync", [True, False])
def test_it_is_read_as_it_was_saved(disk: Disk, tmp_path: Path, sync: bool) -> None:
    save(disk, "x", PLACE, sync=sync)
    assert load(disk, "x") == PLACE
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == (
        '{"store":"' + ID + '","position":"17:52311","saved":"2026-11-20T06:18:42.123456Z",'
        '"target":"a b"} 471535de\n'
    )


def test_one_that_is_not_there_is_none(disk: Disk) -> None:
    assert load(disk, "x") is None


def test_whatever_byte_is_lost_or_changed_it_is_damaged(disk: Disk, tmp_path: Path) -> None:
    save(disk, "x", PLACE)
    whole = (tmp_path / "x").read_bytes()
    harmed = [whole[:size] for size in range(len(whole))]
    harmed += [whole[:at] + b"~" + whole[at + 1 :] for at in range(len(whole))]
    for text in [*harmed, whole + b"x", b"[] 223ae583\n"]:
        (tmp_path / "x").write_bytes(text)
        with pytest.raises(ValueError, match="is damaged"):
            load(disk, "x")


def test_a_full_disk_leaves_the_old_one(tmp_path: Path, disk: Disk) -> None:
    save(disk, "x", PLACE)
    full = FullDisk().enter(tmp_path)
    with pytest.raises(OSError, match="No space"):
        save(full, "x", Place(Position(18, 0), ID))
    full.leave()
    assert load(disk, "x") == PLACE


@pytest.mark.parametrize(
    ("store", "end", "why"),
    [
        (ID, Position(17, 52311), None),
        ("", Position(18, 0), None),
        ("cd" * 16, Position(18, 0), "it is of another store, " + ID),
        (ID, Position(17, 52310), "it is at 17:52311, and the store ends at 17:52310"),
    ],
)
def test_it_is_of_one_store_and_not_behind_its_end(
    store: str, end: Position, why: str | None
) -> None:
    assert foreign(PLACE, store, end) == why
