"""The small files of a store: what each means when it is damaged, and what is certain to put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logsrv.linelog.store.origins.notes import Note, read_notes
from logsrv.linelog.store.segments.segment import NOWHERE, Position, number_text, place_text
from tests.linelog.store.care.stores import flip, found, kinds, notes, small_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


def test_the_number_is_written_again_where_segments_tell_it(store: Path) -> None:
    for text in (b"five\n", None):
        (store / "number").unlink() if text is None else (store / "number").write_bytes(text)
        assert kinds(found(store)) == ["number"]
        assert kinds(found(store, repair=True)) == []
        assert (store / "number").read_bytes() == number_text(5)
    assert (store / "number.damaged").read_bytes() == b"five\n"


def test_without_sealed_segments_nobody_knows_it(store: Path) -> None:
    for path in [*store.glob("0*"), store / "number"]:
        path.unlink()
    one = next(each for each in found(store) if each.kind == "number")
    assert one.remedy is None and "segment 5" in one.means


def test_the_place_that_was_synced_begins_anew(store: Path) -> None:
    (store / "synced").write_bytes(b"\xff" * 32)
    assert kinds(found(store)) == ["synced"]
    assert kinds(found(store, repair=True)) == []
    assert (store / "synced").read_bytes() == place_text(NOWHERE)


@pytest.mark.parametrize("name", ["empty", "removed"])
def test_notes_of_what_is_gone_are_put_aside(store: Path, name: str) -> None:
    (store / name).write_bytes(b"3:x y\n")
    assert kinds(found(store)) == [name]
    assert kinds(found(store, repair=True)) == []


def test_a_damaged_line_of_origins_is_told_and_a_torn_one_is_a_note(store: Path) -> None:
    line = Note(Position(1, 0), "0b" * 16, Position(3, 0), Position(3, 5), 7).line()
    (store / "origins").write_bytes(line + line[:30])
    (store / "lock").write_bytes(b"%d\n" % os.getpid())
    assert (kinds(found(store)), notes(found(store))) == ([], ["origins-torn"])
    # Its writer came to its end in order, so the line was whole.
    (store / "lock").write_bytes(b"")
    assert kinds(found(store)) == ["origins"]
    (store / "origins").write_bytes(b"x" + line + line)
    assert kinds(found(store)) == ["origins"]
    assert kinds(found(store, repair=True)) == []
    assert read_notes((store / "origins").read_bytes()).lines == 1


def test_a_bit_of_origins_or_of_the_identity_that_changed_is_put_right(store: Path) -> None:
    line = Note(Position(1, 0), "0b" * 16, Position(3, 0), Position(3, 5), 7).line()
    (store / "origins").write_bytes(line)
    flip(store / "origins", 20)
    was = (store / "store").read_bytes()
    flip(store / "store", 20)
    assert kinds(found(store)) == ["origins", "identity"]
    assert kinds(found(store, repair=True)) == []
    assert (store / "store").read_bytes() == was
    assert (store / "origins").read_bytes().endswith(line)


def test_what_was_imported_and_where_an_archive_is_are_told_when_damaged(store: Path) -> None:
    (store / "imported").write_bytes(b'{"files":[]')
    (store / "ship" / "far.archive").write_bytes(b"archive file:///srv 00000000\n")
    told = found(store)
    assert [(one.kind, one.name) for one in told] == [
        ("imported", "imported"),
        ("archive", "ship/far.archive"),
    ]


def test_what_is_under_way_is_told_with_the_command_that_goes_on(store: Path) -> None:
    (store / "restoring").write_bytes(b"")
    (store / "importing").write_bytes(b"")
    told = found(store)
    assert (kinds(told), notes(told)) == (["restoring"], ["importing"])
    assert ["logsrv restore" in told[0].advice, "logsrv import" in told[1].advice] == [True, True]


def test_a_server_that_was_killed_is_a_note_and_one_that_runs_is_none(store: Path) -> None:
    (store / "lock").write_bytes(b"%d\n" % os.getpid())
    assert found(store) == []
    (store / "lock").write_bytes(b"99999999\n")
    assert notes(found(store)) == ["killed"]
    (store / "lock").unlink()
    (store / "lock").mkdir()
    assert kinds(found(store)) == ["lock"]


def test_a_format_that_makes_no_sense_keeps_servers_out(store: Path) -> None:
    (store / "format").write_bytes(b"new")
    assert kinds(found(store)) == ["format"]
