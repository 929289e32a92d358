"""`logsrv backup`, and back by `logsrv restore`."""

import json
from pathlib import Path

import pytest

from logsrv.errors import StoreError
from logsrv.kit.text.checksums import json_then_checksum
from logsrv.linelog.store.blocks import BlockNote, make_notes_file
from logsrv.linelog.store.lock import locked
from logsrv.linelog.store.notes import backup_note
from logsrv.linelog.store.notes.archive_notes import save_archive_url
from logsrv.linelog.store.segment import Position
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
    # Not the position of the backup, as its last segment is sealed.
    assert first.startswith(f"{new} has 25 lines; the next line begins a new segment, at 6:0; of ")
    assert following == f"Next: start its service, or by hand: twistd -n logsrv --directory {new}"
    assert advice.endswith(f"logsrv ship --new-identity {new}")
    assert text_of(tmp_path / "new") == text_of(store)
    assert not (tmp_path / "new" / "backup").exists()
    again = logsrv("restore", "--from", to, new)
    assert again.returncode == 1
    said = f"logsrv restore: {new} is not empty: it has a store; take a new or an empty directory\n"
    assert again.stderr.decode() == said


def test_a_store_that_is_in_the_way_is_named_as_it_was_given(store, tmp_path):
    """Not a store of a rule in it, which would be copied first."""
    (store / "stores").mkdir()
    small_store(store / "stores" / "audit")
    other = small_store(tmp_path / "other")
    (other / "stores").mkdir()
    small_store(other / "stores" / "audit")
    for words in (("backup",), ("restore", "--from")):
        refused = logsrv(*words, str(store), str(other))
        assert refused.returncode == 1
        assert f"{other} is not empty: it has a store; take" in refused.stderr.decode()


def test_one_line_is_one_line(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/current.log").write_text(
        "2026-11-30T10:00:00.000000Z tcp:127.0.0.1:1 hello\n"
    )
    shown = logsrv("backup", str(tmp_path / "store"), str(tmp_path / "to"))
    assert b" has 1 line, up to 1:" in shown.stdout


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


def test_a_restored_store_with_an_archive_is_to_erase_what_was_erased_since(store, tmp_path):
    (store / "ship").mkdir(exist_ok=True)
    save_archive_url(at(store / "ship"), "cold", f"file://{tmp_path}/cold")
    assert logsrv("backup", str(store), str(tmp_path / "backup")).returncode == 0
    done = logsrv("restore", "--from", str(tmp_path / "backup"), str(tmp_path / "new"))
    assert done.returncode == 0
    advice = done.stdout.decode().splitlines()[-2]
    assert advice.endswith(f": logsrv erase --finish --everywhere -d {tmp_path / 'new'}")


@pytest.mark.parametrize("name", ["store", "origins", "ship/centre", "alerts/1"])
def test_nothing_is_restored_from_a_backup_that_was_not_carried_whole(store, tmp_path, name):
    """Without one of these files the restored store would send lines again, or take blocks again."""
    block = BlockNote(Position(4, 0), "0b" * 16, Position(3, 0), Position(3, 5), 7)
    (store / "origins").write_bytes(make_notes_file([block]).to_bytes())
    to, new = tmp_path / "to", tmp_path / "new"
    assert logsrv("backup", str(store), str(to)).returncode == 0
    (to / name).rename(tmp_path / "not carried yet")
    shown = logsrv("restore", "--from", str(to), str(new))
    assert shown.returncode == 1 and not new.exists()
    assert f"is a backup without its file {name}: ".encode() in shown.stderr
    assert b"backup" in logsrv("doctor", str(to)).stdout
    with pytest.raises(StoreError, match=f"without its file {name}"):
        backup_note.take_over_for_server(at(to))
    (tmp_path / "not carried yet").rename(to / name)
    assert logsrv("restore", "--from", str(to), str(new)).returncode == 0


def test_a_backup_of_a_version_before_is_restored_without_a_list_of_its_files(store, tmp_path):
    to = tmp_path / "to"
    assert logsrv("backup", str(store), str(to)).returncode == 0
    note = json.loads((to / "backup").read_bytes().rpartition(b" ")[0])
    assert note.pop("files") == ["store", "ship/centre", "alerts/1"]
    (to / "backup").write_bytes(json_then_checksum(note))
    assert logsrv("restore", "--from", str(to), str(tmp_path / "new")).returncode == 0


def test_a_backup_that_is_under_way_is_not_brought_back(store, tmp_path):
    to, new = str(tmp_path / "to"), str(tmp_path / "new")
    assert logsrv("backup", str(store), to).returncode == 0
    with locked(to):
        shown = logsrv("restore", "--from", to, new)
    assert shown.returncode == 1 and b"is in use by process" in shown.stderr
    backup_note.save_backup_note(at(tmp_path / "to"), backup_note.BackupNote("begun", "backup", ""))
    (tmp_path / "to" / "current.log").unlink()
    shown = logsrv("restore", "--from", to, new)
    assert (
        shown.returncode == 1 and b"give the same `logsrv backup` again to continue" in shown.stderr
    )
    assert not (tmp_path / "new").exists()


def test_a_half_restored_store_says_what_to_do(tmp_path):
    (tmp_path / "restoring").write_bytes(b"")
    for words in (("search", "--directory", str(tmp_path), "x"), ("doctor", str(tmp_path))):
        shown = logsrv(*words)
        assert shown.returncode and b"give the same `logsrv restore` again" in shown.stderr
