"""Indexes and notes of segments that only an archive has, after an erase that a store does not know of."""

from pathlib import Path

import pytest

from logsrv.linelog.archive import notes_again
from logsrv.linelog.archive.notes_again import find_erased_segments, take_over_segments
from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import ChangedObject
from logsrv.linelog.store.notes.archive_notes import local_manifest
from logsrv.linelog.store.segment import Listing
from tests.parts.archived_stores import STORE, archive_all, packed, remove_texts
from tests.parts.disks import at
from tests.parts.erasing import erase, files_with_person, store_with_person


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'cold'}"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store without the texts of two segments; lines in one of them were erased in the archive since."""
    store = store_with_person(tmp_path / "store")
    archive_all(store, tmp_path / "cold")
    remove_texts(store)
    erased = store_with_person(tmp_path / "erased")
    erase(erased, "number=5 OR zebulon")
    put_segment(DirectoryArchive(str(tmp_path / "cold")), packed(erased)[0], at(erased), STORE)
    return store


def names(store: Path, url: str) -> list[int]:
    disk = at(store)
    return [one.number for one in find_erased_segments(url, disk, STORE, Listing(disk).away)]


def test_only_the_segment_with_erased_lines_is_found_and_taken_over(store, url, tmp_path):
    assert names(store, url) == [1]
    disk = at(store)
    [one, _] = Listing(disk).away
    take_over_segments(url, disk, STORE, [one])
    assert names(store, url) == []
    there = tmp_path / "cold" / STORE
    assert (store / one.index).read_bytes() == (there / one.index).read_bytes()
    assert local_manifest(disk, one).packed_file.size == (there / one.name).stat().st_size
    assert not [name for name in files_with_person(store) if name.startswith("0000000001")]


def test_text_that_has_changed_without_an_erased_line_is_damage(store, url, monkeypatch):
    monkeypatch.setattr(notes_again, "is_erased", lambda _: False)
    assert names(store, url) == []


def test_a_damaged_index_there_is_refused(store, url, tmp_path):
    [one, _] = Listing(at(store)).away
    path, before = tmp_path / "cold" / STORE / one.index, (store / one.index).read_bytes()
    path.chmod(0o640)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ChangedObject):
        take_over_segments(url, at(store), STORE, [one])
    assert (store / one.index).read_bytes() == before
