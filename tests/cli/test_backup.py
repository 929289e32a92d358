"""`logsrv backup`, and back by `logsrv restore`."""

from pathlib import Path

import pytest

from logsrv.linelog.store.segments import backup_note
from logsrv.linelog.store.segments.lock import locked
from tests.parts.commands import logsrv
from tests.parts.disks import text_of
from tests.parts.examined_stores import at, flip, packed_of, small_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


def test_a_backup_can_be_restored(store, tmp_path):
    to, new = str(tmp_path / "to"), str(tmp_path / "new")
    size = (store / "current.log").stat().st_size
    with locked(store):
        shown = logsrv("backup", str(store), to)
    assert shown.stdout.decode() == (
        f"{to} has 25 lines, up to 5:{size}; of its segments 3 linked\n"
    )
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"3 there before" in logsrv("backup", str(store), to).stdout
    back = logsrv("restore", "--from", to, new)
    assert back.returncode == 0
    first, following, advice = back.stdout.decode().splitlines()
    assert first.startswith(f"{new} has 25 lines, ")
    assert following == f"Next: start its service, or by hand: twistd -n logsrv --directory {new}"
    assert advice.endswith(f"logsrv ship --new-identity {new}")
    assert text_of(tmp_path / "new") == text_of(store)
    assert not (tmp_path / "new" / "backup").exists()
    again = logsrv("restore", "--from", to, new)
    assert again.returncode == 1 and b"is a store itself" in again.stderr


def test_a_directory_in_the_other_or_in_use_or_of_no_store_is_refused(store, tmp_path):
    for one, other in ((store, store), (store, store / "to"), (store, tmp_path)):
        shown = logsrv("backup", str(one), str(other))
        assert shown.returncode == 1 and b"is not apart from" in shown.stderr
    assert not (store / "to").exists()
    (tmp_path / "to").mkdir()
    with locked(tmp_path / "to"):
        shown = logsrv("backup", str(store), str(tmp_path / "to"))
    assert shown.returncode == 1 and b"is in use by process" in shown.stderr
    for words in (("backup",), ("restore", "--from")):
        shown = logsrv(*words, str(tmp_path / "to"), str(tmp_path / "new"))
        assert shown.returncode == 1 and b"is no store of logsrv" in shown.stderr
    assert not (tmp_path / "new").exists()


def test_damage_of_a_segment_with_a_second_name_is_for_the_doctor(store, tmp_path):
    flip(store / packed_of(store)[0].name, 30)
    shown = logsrv("backup", str(store), str(tmp_path / "to"))
    assert shown.returncode == 0
    assert logsrv("doctor", str(tmp_path / "to")).returncode == 1


def test_a_store_that_cannot_be_read_is_not_laid_to_the_backup(store, tmp_path):
    (store / packed_of(store)[0].index).unlink()
    (store / packed_of(store)[0].index).mkdir()
    shown = logsrv("backup", str(store), str(tmp_path / "to"))
    assert shown.returncode == 1
    assert shown.stderr.startswith(
        b"logsrv backup: %b could not be brought to %b: Is a directory"
        % (bytes(store), bytes(tmp_path / "to"))
    )


def test_what_a_backup_has_lost_since_is_told_when_it_is_brought_back(store, tmp_path):
    to, new = str(tmp_path / "to"), str(tmp_path / "new")
    assert logsrv("backup", str(store), to).returncode == 0
    (tmp_path / "to" / packed_of(store)[0].name).unlink()
    shown = logsrv("restore", "--from", to, new)
    assert (shown.returncode, b"has 20 lines" in shown.stdout) == (1, True)
    assert b"had 25 lines once, and has fewer: logsrv doctor says more" in shown.stderr


def test_a_backup_that_is_under_way_is_not_brought_back(store, tmp_path):
    to, new = str(tmp_path / "to"), str(tmp_path / "new")
    assert logsrv("backup", str(store), to).returncode == 0
    with locked(to):
        shown = logsrv("restore", "--from", to, new)
    assert shown.returncode == 1 and b"is in use by process" in shown.stderr
    backup_note.save_backup_note(at(tmp_path / "to"), backup_note.BackupNote("begun", "backup", ""))
    (tmp_path / "to" / "current.log").unlink()
    shown = logsrv("restore", "--from", to, new)
    assert shown.returncode == 1 and b"give the same `logsrv backup` again to go on" in shown.stderr
    assert not (tmp_path / "new").exists()


def test_a_half_restored_store_says_what_to_do(tmp_path):
    (tmp_path / "restoring").write_bytes(b"")
    for words in (("search", "--directory", str(tmp_path), "x"), ("doctor", str(tmp_path))):
        shown = logsrv(*words)
        assert shown.returncode and b"give the same `logsrv restore` again" in shown.stderr
