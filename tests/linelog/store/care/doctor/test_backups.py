"""A backup that lacks what its note says is found."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from logsrv.linelog.store.segments import backup_note
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.store.care.backup.test_taking import take
from tests.linelog.store.care.stores import at, found, kinds, small_store


@pytest.fixture
def to(tmp_path: Path) -> Path:
    take(small_store(tmp_path / "store"), tmp_path / "to")
    return tmp_path / "to"


def test_one_with_all_of_it_is_sound_and_one_with_more_too(to: Path) -> None:
    assert found(to) == []
    note = backup_note.load(at(to))
    assert note is not None
    backup_note.keep(at(to), attrs.evolve(note, lines=3))
    assert found(to) == []


def test_lines_that_are_not_there_any_more(to: Path) -> None:
    for path in to.glob("0000000001-2*"):
        path.unlink()
    [one] = [each for each in found(to) if each.kind == "backup-short"]
    assert one.lines == 5
    assert kinds(found(to, quick=True)) == []


def test_a_text_that_ends_before_the_place(to: Path) -> None:
    note = backup_note.load(at(to))
    assert note is not None
    backup_note.keep(at(to), attrs.evolve(note, place=Position(5, 9999)))
    assert kinds(found(to)) == ["backup-short"]


def test_one_that_has_not_come_to_its_end_and_one_whose_note_is_damaged(to: Path) -> None:
    backup_note.keep(at(to), backup_note.BackupNote("begun", "backup", ""))
    assert kinds(found(to)) == ["backup-begun"]
    backup_note.keep(at(to), backup_note.BackupNote("coming", "backup", "", Position(5, 9999)))
    assert kinds(found(to)) == ["backup-arriving"]
    (to / "backup").write_bytes(b"x")
    assert kinds(found(to)) == ["backup"]


def test_a_backup_that_was_killed_and_then_completed_is_not_taken_for_a_server(
    tmp_path: Path,
) -> None:
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    (to / "lock").write_bytes(b"99999999\n")
    assert found(to) == []
