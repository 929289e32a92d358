"""Bringing a store back from an archive."""

import os
from pathlib import Path

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.archive.restoring import restore_segments
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.identity import load
from logsrv.linelog.store.segment import segments
from tests.parts.archived_stores import (
    APART,
    STORE,
    archive_all,
    files_of,
    packed,
    sealed_store,
)
from tests.parts.disks import FaultyDisk, at, text_of
from tests.parts.stores import BEGIN


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return sealed_store(tmp_path / "store", 3)


@pytest.fixture
def archive(store: Path, tmp_path: Path) -> DirectoryArchive:
    return archive_all(store, tmp_path / "archive")


@pytest.fixture
def back(tmp_path: Path) -> Path:
    (tmp_path / "back").mkdir()
    return tmp_path / "back"


class FillingDisk(Disk):
    """A disk that is full when so many files of segments were written; the last of them is not."""

    left = 0

    def fdatasync(self, fd: int) -> None:
        name = os.readlink(f"/proc/self/fd/{fd}")
        if ".log.zst" in name and ".archived" not in name:
            self.left -= 1
            if self.left == 0:
                raise OSError(28, "No space left on device")
        super().fdatasync(fd)


def require_same(back: Path, store: Path) -> None:
    """All that was sealed is there, byte by byte, and nothing else is in the way."""
    wanted = {name: data for name, data in files_of(store).items() if name.startswith("000")}
    found = files_of(back)
    assert {name: data for name, data in found.items() if name.startswith("000")} == wanted
    assert set(found) - set(wanted) == {"current.log", "number", "store", "synced"}
    assert text_of(back) == text_of(store)[: len(text_of(back))]
    assert segments(at(back))[-1].number == 4
    identity = load(at(back))
    assert identity is not None and (identity.store, str(identity.began)) == (STORE, "1:0")


def test_a_restored_store_has_all_lines_up_to_the_last_sealed_segment(archive, store, back):
    made = list(restore_segments(archive, STORE, at(back)))
    assert [(one.lines, one.error, one.here) for one in made] == [(3000, "", False)] * 3
    require_same(back, store)
    for one in packed(store):
        last = BEGIN + one.number * APART + 2999
        assert (back / one.name).stat().st_mtime == last


def test_the_names_of_a_segment_are_on_the_medium_when_it_is_said_to_be_here(archive, back):
    """A power cut right behind that keeps all that was told of."""
    disk = FaultyDisk().open_directory(back)
    for one in restore_segments(archive, STORE, disk):
        assert disk.calls[-1] == "sync_directory", one.name


@pytest.mark.parametrize("after", range(12))
def test_an_interrupted_restore_goes_on(archive, store, back, after):
    """At any file, as a full disk does."""
    if 0 < after < 10:
        disk = FillingDisk().open_directory(back)
        disk.left = after
        with pytest.raises(OSError, match="No space"):
            list(restore_segments(archive, STORE, disk))
        disk.close()
        assert not (back / "current.log").exists()
        assert not list(back.glob("*.tmp"))
    made = list(restore_segments(archive, STORE, at(back)))
    assert sum(one.here for one in made) == (max(after - 1, 0) // 3 if after < 10 else 0)
    require_same(back, store)


def test_a_changed_file_is_left_out_and_the_rest_comes(archive, store, back, tmp_path):
    changed = tmp_path / "archive" / STORE / packed(store)[1].words
    changed.write_bytes(changed.read_bytes()[:-1])
    made = list(restore_segments(archive, STORE, at(back)))
    assert [bool(one.error) for one in made] == [False, True, False]
    assert "is not what was archived" in made[1].error
    assert [one.number for one in packed(back)] == [1, 3]


def test_an_existing_store_is_not_overwritten(archive, store):
    before = files_of(store)
    with pytest.raises(StoreError, match="there is a store in"):
        list(restore_segments(archive, STORE, at(store)))
    assert files_of(store) == before


def test_a_restored_store_can_be_written_to(archive, back):
    """A disk that was left and entered again has a store that is in order."""
    list(restore_segments(archive, STORE, at(back)))
    disk = Disk().open_directory(back)
    assert [one.number for one in segments(disk)] == [1, 2, 3, 4]
    disk.close()
