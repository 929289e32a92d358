"""The file that says what was imported."""

import os

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.store.care.imported import ImportedFiles, load
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Position
from tests.parts.strangers import at_most


def test_the_file_imported_is_read_as_it_was_saved(tmp_path):
    disk = Disk().open_directory(tmp_path)
    assert load(disk) == ImportedFiles()
    done = ImportedFiles([["/a", 1, 2]], [["/b\xff", 3, 4]], Position(7, 8), "CET CEST")
    done.save(disk)
    assert load(disk) == done
    disk.close()


BEYOND = '{"files":[],"under_way":[],"begun":[Infinity,0],"zone":""}'


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 1}', "\xff", BEYOND, "[" * 100_000])
def test_a_damaged_file_imported_is_one_sentence(tmp_path, text):
    (tmp_path / "imported").write_text(text)
    with pytest.raises(StoreError, match="does not say what was imported"):
        load(Disk().open_directory(tmp_path))


@pytest.mark.slow
def test_a_file_imported_without_an_end_takes_little_memory(tmp_path):
    (tmp_path / "imported").touch()
    os.truncate(tmp_path / "imported", 1 << 30)
    with at_most(400 << 20), pytest.raises(StoreError, match="does not say what was imported"):
        load(Disk().open_directory(tmp_path))
