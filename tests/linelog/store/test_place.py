"""A kept place: read as it was saved, and never taken for what it is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.text.checksums import json_then_checksum
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.place import (
    NewerPlaceError,
    Place,
    PlaceFolder,
    load,
    save,
    saved_places,
    why_foreign,
)
from logsrv.linelog.store.segment import Position, number_of_store
from tests.parts.disks import FaultyDisk, no_space
from tests.parts.examined_stores import flip, small_store

ID = "ab" * 16
PLACE = Place(Position(17, 52311), ID, "2026-11-20T06:18:42.123456Z", {"target": "a b"})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk().open_directory(tmp_path)
    yield disk
    disk.close()


@pytest.mark.parametrize("sync", [True, False])
def test_a_place_is_read_as_it_was_saved(disk, tmp_path, sync):
    save(disk, "x", PLACE, sync=sync)
    assert load(disk, "x") == PLACE
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == (
        '{"store":"' + ID + '","position":"17:52311","saved":"2026-11-20T06:18:42.123456Z",'
        '"target":"a b"} 471535de\n'
    )


def test_a_full_disk_leaves_the_old_place(tmp_path, disk):
    save(disk, "x", PLACE)
    full = FaultyDisk().open_directory(tmp_path)
    full.errors["writev"] = no_space()
    with pytest.raises(OSError, match="No space"):
        save(full, "x", Place(Position(18, 0), ID))
    full.close()
    assert load(disk, "x") == PLACE


@pytest.mark.parametrize(
    ("store", "end", "why"),
    [
        (ID, Position(17, 52311), None),
        ("", Position(18, 0), None),
        ("cd" * 16, Position(18, 0), "it belongs to another store, " + ID),
        (ID, Position(17, 52310), "it is at 17:52311, and the store ends at 17:52310"),
    ],
)
def test_a_place_of_another_store_or_behind_the_end_is_foreign(store, end, why):
    assert why_foreign(PLACE, store, end) == why


def test_each_saved_place_is_listed_with_its_error_if_any(tmp_path):
    store = small_store(tmp_path / "store")
    (store / "ship" / "centre.lock").write_bytes(b"")
    (store / "ship" / "centre.json").write_bytes(b"{}")
    flip(store / "alerts" / "1", 3)
    target, alert = saved_places(str(store))
    assert target[0] == "ship/centre" and target[1] and target[1].position == Position(4, 0)
    assert alert[:2] == ("alerts/1", None) and "its checksum is wrong" in alert[2]
    assert list(saved_places(str(tmp_path))) == []


def test_the_folder_of_places_is_made_when_it_is_needed(tmp_path):
    folder = PlaceFolder(str(tmp_path), "ship")
    assert not folder.exists()
    folder.disk.replace_durably("x", b"1")
    assert folder.exists() and (tmp_path / "ship").stat().st_mode & 0o777 == 0o750
    assert folder.path("x") == str(tmp_path / "ship" / "x")
    folder.close()
    with pytest.raises(FileNotFoundError):
        _ = PlaceFolder(str(tmp_path / "none"), "ship").disk


@pytest.mark.parametrize("name", ["", "far"])
def test_only_one_process_can_lock_a_place(tmp_path, name):
    first, second = PlaceFolder(str(tmp_path), "ship"), PlaceFolder(str(tmp_path), "ship")
    assert first.lock(name) and not second.lock(name)
    assert second.lock("another")
    first.close()
    assert second.lock(name)
    second.close()


def test_a_lock_is_never_taken_through_a_link(tmp_path):
    folder = PlaceFolder(str(tmp_path), "ship")
    _ = folder.disk
    (tmp_path / "ship" / "far.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        folder.lock("far")
    folder.close()
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_place_is_none(disk):
    assert load(disk, "x") is None


def test_a_place_with_a_lost_or_changed_byte_is_damaged(disk, tmp_path):
    save(disk, "x", PLACE)
    whole = (tmp_path / "x").read_bytes()
    harmed = [whole[:size] for size in range(len(whole))]
    harmed += [whole[:at] + b"~" + whole[at + 1 :] for at in range(len(whole))]
    for text in [*harmed, whole + b"x", b"[] 223ae583\n"]:
        (tmp_path / "x").write_bytes(text)
        with pytest.raises(ValueError, match="is damaged"):
            load(disk, "x")


def test_the_positions_of_all_stores_are_in_one_file(disk, tmp_path):
    audit = number_of_store("audit")
    kept = Place(Position(17, 5), ID, "", {}, {audit: Position(3, 99).in_store(audit)})
    save(disk, "x", kept)
    assert load(disk, "x") == kept
    assert '"position":"17:5,audit/3:99"' in (tmp_path / "x").read_text()


def test_the_identities_of_the_stores_of_rules_are_in_the_file(disk, tmp_path):
    """Of a store without an identity only the position is."""
    audit, web = number_of_store("audit"), number_of_store("web")
    there = {number: Position(3, 99).in_store(number) for number in (audit, web)}
    kept = Place(Position(17, 5), ID, "", {"way": "command"}, there, {audit: "cd" * 16})
    save(disk, "x", kept)
    assert load(disk, "x") == kept
    assert f'"rules":{{"audit":"{"cd" * 16}"}},"format":3' in (tmp_path / "x").read_text()


def test_a_place_of_the_format_without_identities_is_read(disk):
    audit = number_of_store("audit")
    found = {"store": ID, "position": "17:5,audit/3:99", "saved": "", "format": 2, "version": "0.1"}
    disk.replace("x", json_then_checksum(found), sync=False)
    assert load(disk, "x") == Place(
        Position(17, 5), ID, "", {}, {audit: Position(3, 99).in_store(audit)}
    )


@pytest.mark.parametrize("rules", [{"audit": "cd"}, {"audit": 5}, ["audit"], "audit", None])
def test_a_place_with_something_else_than_identities_is_damaged(disk, rules):
    found = {"store": ID, "position": "17:5,audit/3:99", "saved": "", "rules": rules, "format": 3}
    disk.replace("x", json_then_checksum(found), sync=False)
    with pytest.raises(ValueError, match="is damaged"):
        load(disk, "x")


def test_the_place_of_a_newer_program_is_refused_with_the_version_that_it_needs(disk):
    found = {"store": ID, "position": "?", "saved": "", "format": 4, "version": "9.1.0"}
    disk.replace("x", json_then_checksum(found), sync=False)
    with pytest.raises(
        NewerPlaceError, match=r"was written by logsrv 9\.1\.0 or newer, and this is"
    ):
        load(disk, "x")


@pytest.mark.parametrize("position", ["audit/3:99", "17:5,17:6", "17:5,", "17:5,Audit/3:9"])
def test_a_place_without_one_position_in_the_main_store_is_damaged(disk, position):
    found = {"store": ID, "position": position, "saved": ""}
    disk.replace("x", json_then_checksum(found), sync=False)
    with pytest.raises(ValueError, match="is damaged"):
        load(disk, "x")
