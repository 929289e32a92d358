"""Lines that an archive has erased, and the store not."""

from pathlib import Path

import pytest

from logsrv.linelog.archive import rewriting
from logsrv.linelog.archive.erased_there import lines_erased_there
from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.objects.directory import DirectoryArchive
from tests.parts.archived_stores import STORE, packed
from tests.parts.disks import at
from tests.parts.erasing import erase, store_with_person


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return store_with_person(tmp_path / "store", segments=2, packed=1)


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    """An archive that has the segment after an erase that the store does not know of."""
    erased = store_with_person(tmp_path / "erased", segments=2, packed=1)
    erase(erased)
    (tmp_path / "archive").mkdir()
    archive = DirectoryArchive(str(tmp_path / "archive"))
    put_segment(archive, packed(erased)[0], at(erased), STORE)
    return archive


def test_they_are_found_and_none_after_an_erase_here(store, archive):
    [one] = packed(store)
    assert len(lines_erased_there(archive, one, at(store), STORE)) == 6
    erase(store)
    assert lines_erased_there(archive, one, at(store), STORE) == []
    assert sorted(path.name for path in store.iterdir() if path.suffix == ".tmp") == []


def test_what_the_archive_has_lost_has_none(store, archive, tmp_path):
    [one] = packed(store)
    there = tmp_path / "archive" / STORE / one.name
    there.write_bytes(there.read_bytes()[:-10])
    assert lines_erased_there(archive, one, at(store), STORE) == []
    there.unlink()
    assert lines_erased_there(archive, one, at(store), STORE) == []


class Reading(DirectoryArchive):
    """Notes the texts that are read there."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.texts: list[str] = []

    def read(self, name: str, at: int = 0, size: int = -1) -> bytes:
        if name.endswith(".log.zst"):
            self.texts.append(name)
        return super().read(name, at, size)


def test_a_text_that_the_archive_has_as_the_store_is_not_read_there(store, tmp_path, monkeypatch):
    """Each later erase would fetch each segment in which lines were ever erased."""
    [one] = packed(store)
    erase(store)
    (tmp_path / "archive").mkdir()
    archive = Reading(str(tmp_path / "archive"))
    monkeypatch.setattr(rewriting, "open_archive", lambda _: archive)
    put_segment(archive, one, at(store), STORE)
    archive.texts.clear()
    assert list(rewriting.find_erased_lines("", at(store), STORE, [one])) == []
    assert archive.texts == []
    erase(store, "number=5 OR number=50")
    [(number, lines)] = rewriting.find_erased_lines("", at(store), STORE, [one])
    assert (number, lines) == (one.number, []) and archive.texts
