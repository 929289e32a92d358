"""Files come by a second name, or by a copy that is compared."""

import errno
import os
from pathlib import Path

import pytest

from logsrv.linelog.store.care.copying import CopyMethod, copy_growing_text, link_or_copy
from logsrv.linelog.store.disk import Disk
from tests.parts.disks import FaultyDisk, no_space
from tests.parts.examined_stores import at, flip, packed_of, small_store


class Elsewhere(Disk):
    """A directory on another file system than all others."""

    def link_from(self, other: Disk, name: str, second: str) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "to").mkdir()
    return small_store(tmp_path / "store", words=3000)


def test_a_file_on_the_same_file_system_is_linked(store, tmp_path):
    first = packed_of(store)[0]
    to = at(tmp_path / "to")
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.LINKED
    assert to.stat(f"{first.name}.coming").st_ino == (store / first.name).stat().st_ino
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.THERE
    to.rename(f"{first.name}.coming", first.name)
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.THERE


def test_a_file_of_another_file_system_is_copied_with_its_time(store, tmp_path):
    first = packed_of(store)[0]
    to = Elsewhere().open_directory(tmp_path / "to")
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.COPIED
    copy = tmp_path / "to" / f"{first.name}.coming"
    assert copy.read_bytes() == (store / first.name).read_bytes()
    assert copy.stat().st_mtime_ns == (store / first.name).stat().st_mtime_ns
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.THERE


def test_damage_is_noticed_and_copied_as_it_is(store, tmp_path):
    first, second, _ = packed_of(store)
    flip(store / first.name, 500)
    to = Elsewhere().open_directory(tmp_path / "to")
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.DAMAGED
    (store / second.index).unlink()
    assert link_or_copy(second.name, at(store), to, of=second) is CopyMethod.COPIED


@pytest.mark.parametrize("kind", [Disk, Elsewhere])
def test_a_damaged_segment_never_takes_the_place_of_one_that_was_whole(store, tmp_path, kind):
    """A disk that dies damages the store first, and the backup of that night then."""
    first, second, third = packed_of(store)
    to = kind().open_directory(tmp_path / "to")
    for one in (first, second, third):
        link_or_copy(one.name, at(store), to, of=one)
        to.rename(f"{one.name}.coming", one.name)
    whole = (store / first.name).read_bytes()
    for name in (first.name, second.name, third.name):
        # Another file of that name, as whoever rescues a disk leaves it.
        data = (store / name).read_bytes()
        (store / name).unlink()
        (store / name).write_bytes(data)
    flip(store / first.name, 500)
    (store / second.index).unlink()
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.KEPT
    assert link_or_copy(second.name, at(store), to, of=second) is CopyMethod.KEPT
    assert link_or_copy(third.name, at(store), to, of=third) is CopyMethod.COPIED
    assert (tmp_path / "to" / first.name).read_bytes() == whole
    assert sorted(name for name in to.entries() if ".log.zst." in name) == [f"{third.name}.coming"]


def test_a_full_disk_leaves_nothing_that_is_not_whole(store, tmp_path):
    first = packed_of(store)[0]

    class Full(FaultyDisk, Elsewhere):
        pass

    to = Full().open_directory(tmp_path / "to")

    def fail() -> None:
        raise no_space()

    to.before["fdatasync"] = fail
    with pytest.raises(OSError, match="No space"):
        link_or_copy(first.name, at(store), to, of=first)
    fd = os.open(store / "current.log", os.O_RDONLY)
    with pytest.raises(OSError, match="No space"):
        copy_growing_text("text.log", fd, 20, to)
    os.close(fd)
    assert os.listdir(tmp_path / "to") == []


def test_a_text_that_grows_comes_again_when_it_has_grown(store, tmp_path):
    to = at(tmp_path / "to")
    fd = os.open(store / "current.log", os.O_RDONLY)
    assert [copy_growing_text("text.log", fd, size, to) for size in (20, 20, 30)] == [
        True,
        False,
        True,
    ]
    with pytest.raises(OSError, match="it ends after"):
        copy_growing_text("text.log", fd, 9999, to)
    os.close(fd)
    assert (tmp_path / "to" / "text.log.coming").stat().st_size == 30
