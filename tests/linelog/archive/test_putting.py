"""Putting a segment into an archive: what is there is what is here, or nothing is there."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.archive.names import archived_segment_names, manifest_object_name
from logsrv.linelog.archive.putting import (
    find_manifest,
    incomplete_segments,
    make_manifest,
    put_segment,
)
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import ArchiveError, ChangedObject
from logsrv.linelog.objects.putting import OtherSegment, PuttingCancelled
from logsrv.linelog.store import disk as module
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import save_local_manifest
from logsrv.linelog.store.segment import Segment
from tests.parts.archived_stores import STORE, files_of, packed, sealed_store
from tests.parts.disks import at
from tests.parts.erasing import erase, files_with_person, store_with_person

CALLS = ("open", "writev", "fchmod", "fdatasync", "fsync", "link", "unlink", "makedirs")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return sealed_store(tmp_path / "store", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def put_first(folder: Path, store: Path, going: Callable[[], bool] = lambda: True) -> Segment:
    [one] = packed(store)
    put_segment(DirectoryArchive(str(folder)), one, at(store), STORE, going)
    return one


def require_whole(folder: Path, store: Path) -> None:
    """All files of the segment are in the archive, byte by byte, and a manifest that says so."""
    [one] = packed(store)
    found = files_of(folder)
    for name in one.archived_files:
        assert found.pop(f"{STORE}/{name}") == (store / name).read_bytes()
    manifest = find_manifest(DirectoryArchive(str(folder)), STORE, one.name)
    assert manifest == make_manifest(one, at(store), STORE)
    assert list(found) == [manifest_object_name(STORE, one.name)]


def test_an_archived_segment_has_all_files_and_a_manifest(folder, store):
    put_first(folder, store)
    require_whole(folder, store)
    before = files_of(folder)
    put_first(folder, store)
    assert files_of(folder) == before


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_no_manifest_or_a_whole_segment(folder, store):
    """What a kill leaves without a manifest is nothing; the next try makes it whole."""
    step = 0
    while not _killed_at(step, folder, store):
        archive = DirectoryArchive(str(folder))
        if archived_segment_names(archive.names(), STORE):
            require_whole(folder, store)
        step += 1
        if step % 3 == 0:
            # Else the next kill meets what is left of this one.
            put_first(folder, store)
            require_whole(folder, store)
            shutil.rmtree(folder / STORE)
    assert step > 20
    put_first(folder, store)
    require_whole(folder, store)


def _killed_at(step: int, folder: Path, store: Path) -> bool:
    """Put the segment in another process, which is killed at a system call; return whether it ended."""
    child = os.fork()
    if child == 0:
        _Killing(step)
        put_first(folder, store)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        return True
    assert os.WTERMSIG(status) == signal.SIGKILL
    return False


class _Killing:
    """The calls of the operating system, one of which kills this process instead."""

    def __init__(self, step: int) -> None:
        self._left = step
        self._os = os
        vars(module)["os"] = self

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._os, name)
        return self._counted(found) if name in CALLS else found

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **given: Any) -> Any:
            if self._left == 0:
                self._os.kill(self._os.getpid(), signal.SIGKILL)
            self._left -= 1
            return call(*args, **given)

        return counted


@pytest.mark.parametrize("left", [b"", b"other", None])
def test_files_of_a_killed_attempt_are_used_or_replaced(folder, store, left):
    [one] = packed(store)
    (folder / STORE).mkdir()
    for name in one.archived_files:
        (folder / STORE / name).write_bytes((store / name).read_bytes() if left is None else left)
    put_first(folder, store)
    require_whole(folder, store)


class Corrupting(DirectoryArchive):
    """An archive that stores something else than it is given, in one of its files."""

    which = ".log.zst"

    def create(self, name: str, pieces: Any) -> None:
        data = b"".join(pieces)
        if name.endswith(self.which):
            data = data[:10] + bytes([data[10] ^ 1]) + data[11:]
        super().create(name, [data])


@pytest.mark.parametrize("which", [".log.zst", ".idx", ".words", ".json"])
def test_a_corrupting_archive_gets_no_manifest(folder, store, which):
    """It is read back before the manifest comes."""
    archive = Corrupting(str(folder))
    archive.which = which
    [one] = packed(store)
    with pytest.raises((ChangedObject, OtherSegment)):
        put_segment(archive, one, at(store), STORE)
    if which != ".json":
        assert archived_segment_names(archive.names(), STORE) == []


def test_another_segment_of_this_name_is_an_error(folder, store, tmp_path):
    """Of a store that was copied, and goes on in two directories."""
    put_first(folder, store)
    before = files_of(folder)
    other = sealed_store(tmp_path / "other", 1, count=2999)
    assert [one.name for one in packed(other)] == [one.name for one in packed(store)]
    with pytest.raises(OtherSegment, match=r"restored or copied.*--new-identity"):
        put_first(folder, other)
    assert files_of(folder) == before


def test_no_word_index_stays_of_a_segment_that_has_none_after_an_erase(folder, tmp_path):
    store = store_with_person(tmp_path / "small")
    one = packed(store)[0]
    (store / one.words).write_bytes(b"words of Zebulon")
    archive = DirectoryArchive(str(folder))
    put_segment(archive, one, at(store), STORE)
    erase(store, is_damaged=True)
    assert not (store / one.words).exists() and files_with_person(folder)
    put_segment(archive, one, at(store), STORE)
    assert files_with_person(folder) == []


def test_indexes_that_were_made_anew_are_no_other_segment(folder, store):
    one = put_first(folder, store)
    (store / one.words).unlink()
    put_first(folder, store)


@pytest.mark.parametrize("suffix", [".log.zst", ".idx", ".words", ".json"])
def test_files_that_the_archive_lost_are_put_again_as_they_were(folder, store, suffix):
    """The manifest, too, where the note here says that the text is this one."""
    one = put_first(folder, store)
    disk = at(store)
    save_local_manifest(disk, one, make_manifest(one, disk, STORE))
    part = next(path for path in folder.rglob(f"*{suffix}"))
    for size in (None, 0, part.stat().st_size - 2):
        if size is None:
            part.unlink()
        else:
            os.truncate(part, size)
        put_first(folder, store)
        require_whole(folder, store)


def test_an_index_that_was_lost_there_and_made_anew_here_gets_a_new_manifest(folder, store):
    one = put_first(folder, store)
    (store / one.words).unlink()
    (folder / STORE / one.words).unlink()
    put_first(folder, store)
    manifest = find_manifest(DirectoryArchive(str(folder)), STORE, one.name)
    assert manifest == make_manifest(one, at(store), STORE)
    assert not (folder / STORE / one.words).exists()


def test_lost_files_are_noticed_by_names_and_sizes(folder, store):
    one, disk, archive = put_first(folder, store), at(store), DirectoryArchive(str(folder))

    def lost() -> list[Segment]:
        return incomplete_segments(archive, [one], disk, STORE, archive.sizes(f"{STORE}/"))

    (folder / STORE / one.index).unlink()
    assert lost() == [], "nothing says that it was put there"
    save_local_manifest(disk, one, make_manifest(one, disk, STORE))
    assert lost() == [one]
    put_first(folder, store)
    assert lost() == []
    # A note that is damaged, or of another archive with other indexes, is no reason to put it again.
    (store / one.archived).write_bytes(b"{}")
    assert lost() == []
    os.truncate(folder / manifest_object_name(STORE, one.name), 10)
    assert lost() == [one]


def test_a_segment_that_is_damaged_here_does_not_go(folder, store):
    [one] = packed(store)
    os.truncate(store / one.name, 100)
    with pytest.raises(ValueError, match="but its index says"):
        put_first(folder, store)
    assert files_of(folder) == {}


def test_putting_a_segment_can_be_given_up(folder, store):
    with pytest.raises(PuttingCancelled):
        put_first(folder, store, going=lambda: False)
    assert archived_segment_names(DirectoryArchive(str(folder)).names(), STORE) == []


def test_a_manifest_that_is_damaged_or_of_another_segment_is_told(folder, store):
    one = put_first(folder, store)
    path = folder / manifest_object_name(STORE, one.name)
    archive = DirectoryArchive(str(folder))
    for data in (b"", b"{}", path.read_bytes().replace(b"-2026", b"-2025")):
        path.write_bytes(data)
        with pytest.raises(ChangedObject, match="is not what was archived"):
            find_manifest(archive, STORE, one.name)
    path.unlink()
    assert find_manifest(archive, STORE, one.name) is None


def test_errors_of_the_archive_are_its_own(store, tmp_path):
    disk = Disk().open_directory(store)
    [one] = packed(store)
    with pytest.raises(ArchiveError, match="is not there"):
        put_segment(DirectoryArchive(str(tmp_path / "gone")), one, disk, STORE)
    disk.close()
