"""The note of a backup: read as it was written, and a server starts on no backup that is not whole."""

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.store.notes import backup_note
from logsrv.linelog.store.notes.backup_note import BEGUN, COMPLETE, BackupNote
from logsrv.linelog.store.segment import Position
from tests.parts.backups import take
from tests.parts.disks import FaultyDisk, batch, no_space
from tests.parts.examined_stores import at, small_store

NOTE = BackupNote(COMPLETE, "backup", "0a" * 16, Position(17, 5), "2026-11-20T06:00:00Z", 3)


def test_a_server_on_a_backup_begins_a_new_segment(tmp_path, open_store):
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    (to / "number.coming").write_bytes(b"9999\n")
    opened = open_store(directory=to)
    opened.append(batch(b"new"))
    assert opened.position == Position(6, 0)
    assert not (to / "backup").exists() and not (to / "number.coming").exists()
    with pytest.raises(StoreError, match="is a store itself"):
        take(store, to)


def test_a_backup_note_is_read_as_it_was_written_and_damage_is_noticed(tmp_path):
    disk = at(tmp_path)
    assert backup_note.load(disk) is None and backup_note.finish_renaming(disk) is None
    backup_note.save_backup_note(disk, NOTE)
    assert backup_note.load(disk) == NOTE
    data = (tmp_path / "backup").read_bytes()
    for text in (b"", data[:-3], data.replace(b"17", b"18"), b"[] 5de8cbeb\n"):
        (tmp_path / "backup").write_bytes(text)
        with pytest.raises(ValueError, match="is damaged"):
            backup_note.load(disk)
        with pytest.raises(StoreError, match="logsrv doctor"):
            backup_note.finish_renaming(disk)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_an_interrupted_renaming_of_a_backup_is_finished(tmp_path, failing):
    (tmp_path / "ship").mkdir()
    for name in ("one", "two", "ship/place"):
        (tmp_path / name).write_text("old")
        (tmp_path / f"{name}.coming").write_text("new")
    disk = FaultyDisk().open_directory(tmp_path)
    renames = 0

    def fail() -> None:
        nonlocal renames
        renames += 1
        if renames == failing:
            raise no_space()

    disk.before["rename"] = fail
    # The first rename is that of the note.
    with pytest.raises(OSError, match="No space"):
        backup_note.rename_arrived_files(disk, NOTE)
    found = backup_note.finish_renaming(at(tmp_path))
    texts = {(tmp_path / name).read_text() for name in ("one", "two", "ship/place")}
    assert texts == ({"old"} if failing == 1 else {"new"})
    assert found == (None if failing == 1 else NOTE)


def test_no_server_starts_on_an_incomplete_backup(tmp_path, open_store):
    backup_note.save_backup_note(at(tmp_path), BackupNote(BEGUN, "restore", ""))
    with pytest.raises(StoreError, match="give the same `logsrv restore` again to continue"):
        open_store(directory=tmp_path)
    assert not (tmp_path / "current.log").exists()
