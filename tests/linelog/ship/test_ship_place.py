"""The kept place of a shipper: read as it was saved, and where a shipper begins with it or without."""

import fcntl
import threading
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.ship import ship_place as module
from logsrv.linelog.ship.reports import Trouble
from logsrv.linelog.ship.ship_place import (
    CountedGap,
    RefusedLinesFile,
    ShipPlace,
    write_identity_to_places,
)
from logsrv.linelog.store import place as store_place
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.place import Place, PlaceFolder, save
from logsrv.linelog.store.segment import Position
from tests.parts.disks import FaultyDisk
from tests.parts.ship_targets import FarSide, Process
from tests.parts.stores import line, make_store

STORE = "ab" * 16
END = Position(9, 0)


def place(directory: Path, name: str = "far", target: str = "https://far/blocks") -> ShipPlace:
    return ShipPlace(str(directory), name, target=target, clock=lambda: 1e9)


def test_a_place_is_loaded_as_it_was_saved(tmp_path):
    assert place(tmp_path).load(STORE, END) is None
    saved = place(tmp_path)
    saved.new = False
    saved.save(STORE, Position(7, 3))
    assert place(tmp_path).load(STORE, END) == Position(7, 3)
    assert (tmp_path / "ship" / "far").read_bytes() == (
        b'{"store":"'
        + STORE.encode()
        + b'","position":"7:3","saved":"2001-09-09T01:46:40.000000Z",'
        b'"target":"https://far/blocks"} e68db7eb\n'
    )
    assert (tmp_path / "ship" / "far").stat().st_mode & 0o777 == 0o640


def test_the_count_of_removed_text_is_saved_with_the_place(tmp_path):
    saved = place(tmp_path)
    saved.gone = MissingText(100, 7, known=False)
    saved.gaps = [CountedGap(Position(9, 1), MissingText(60, 2))]
    saved.save(STORE, Position(7, 3))
    read = place(tmp_path)
    assert read.load(STORE, END) == Position(7, 3)
    assert (read.new, read.gone, read.gaps) == (True, saved.gone, saved.gaps)


@pytest.mark.parametrize(
    ("store", "end", "target", "why"),
    [
        ("cd" * 16, END, "https://far/blocks", "it belongs to another store, " + STORE),
        (STORE, Position(7, 2), "https://far/blocks", "it is at 7:3, and the store ends at 7:2"),
        (STORE, END, "https://near/blocks", "it belongs to another target"),
    ],
)
def test_a_useless_place_says_why(tmp_path, store, end, target, why):
    place(tmp_path).save(STORE, Position(7, 3))
    with pytest.raises(ValueError, match="ship/far cannot be used: " + why):
        place(tmp_path, target=target).load(store, end)


def refused_lines(directory: Path) -> RefusedLinesFile:
    return RefusedLinesFile(PlaceFolder(str(directory), "ship"), "far")


def test_refused_lines_are_appended_to_their_file(tmp_path):
    lines = refused_lines(tmp_path)
    lines.sync()
    lines.add([b"one", b"two"])
    lines.sync()
    lines.close()
    again = refused_lines(tmp_path)
    again.add([b"three"])
    assert again.path == str(tmp_path / "ship" / "far.refused")
    assert (tmp_path / "ship" / "far.refused").read_bytes() == b"one\ntwo\nthree\n"
    assert (tmp_path / "ship" / "far.refused").stat().st_mode & 0o777 == 0o640


def test_a_full_refused_file_becomes_old(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_REFUSED", 100)
    lines = refused_lines(tmp_path)
    for number in range(100):
        lines.add([b"line %03d" % number])
    lines.add([b"x" * 1000])
    lines.add([b"last"])
    lines.sync()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "ship").iterdir()}
    assert kept.keys() == {"far.refused", "far.refused.old"}
    assert kept["far.refused"] == b"last\n"
    assert kept["far.refused.old"].endswith(b"line 099\n" + b"x" * 99 + b"\n")
    assert max(map(len, kept.values())) < 300


def test_refused_lines_and_the_names_of_their_files_are_synced_in_their_order(
    tmp_path, monkeypatch
):
    """A line that was refused is nowhere else once the place is behind it, not even after a power cut."""
    monkeypatch.setattr(module, "LARGEST_REFUSED", 100)
    disk = FaultyDisk()
    monkeypatch.setattr(store_place, "Disk", lambda: disk)

    def last(*names: str) -> int:
        found = (number for number, name in enumerate(disk.calls) if name in names)
        return max(found, default=-1)

    # What is renamed away is never synced again.
    disk.before["rename"] = lambda: assert_above(last("fdatasync"), last("writev"))
    lines = refused_lines(tmp_path)
    for full in (b"x" * 50, b"x" * 99, b"x" * 10, b"x" * 99):
        disk.calls.clear()
        lines.add([full])
        lines.sync()
        assert_above(last("fdatasync"), last("writev"))
        assert_above(last("sync_directory"), last("writev", "create", "rename"))
    lines.close()


def assert_above(one: int, other: int) -> None:
    assert one > other


@pytest.mark.parametrize(
    "note", [{}, {"target": None}, {"target": 5}, {"targets": "https://far/blocks"}]
)
def test_a_place_that_names_no_target_is_of_another(tmp_path, note):
    """As one of another program or version is."""
    (tmp_path / "ship").mkdir()
    with Disk().open_directory(str(tmp_path / "ship")) as disk:
        save(disk, "far", Place(Position(7, 2), STORE, "2026-11-26T08:00:00Z", note))
    with pytest.raises(ValueError, match="cannot be used: it belongs to another target"):
        place(tmp_path).load(STORE, END)


def test_a_store_with_a_new_identity_has_told_its_targets_nothing(tmp_path):
    before = place(tmp_path)
    before.gone = MissingText(1, 9)
    before.save(STORE, Position(7, 2))
    write_identity_to_places(str(tmp_path), "cd" * 16)
    after = place(tmp_path)
    assert after.load("cd" * 16, END) == Position(7, 2)
    assert (after.new, after.gone) == (True, MissingText(1, 9))


def test_a_shipper_that_is_about_to_end_does_not_take_the_new_identity_back(tmp_path, monkeypatch):
    """Its server was killed just now, and it saves its place once more."""
    last = place(tmp_path)
    assert last.lock()
    last.save(STORE, Position(7, 2))
    arrived, flock = threading.Event(), fcntl.flock

    def write() -> None:
        try:
            write_identity_to_places(str(tmp_path), "cd" * 16)
        finally:
            arrived.set()

    writing = threading.Thread(target=write)

    def lock(*given: Any) -> None:
        if threading.current_thread() is writing:
            arrived.set()
        flock(*given)

    monkeypatch.setattr(fcntl, "flock", lock)
    writing.start()
    assert arrived.wait(PATIENCE)
    last.save(STORE, Position(8, 0))
    last.close()
    writing.join(PATIENCE)
    assert place(tmp_path).load("cd" * 16, END) == Position(8, 0)


def test_a_second_shipper_waits_for_the_place_of_the_first(tmp_path):
    first, second = place(tmp_path), place(tmp_path)
    assert first.lock() and not second.lock()
    first.save(STORE, Position(7, 2))
    first.close()
    assert second.lock() and second.load(STORE, END) == Position(7, 2)
    second.close()


LINE = line("x")
SECOND_END = Position(2, 2 * len(LINE))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", [[LINE], [LINE, LINE]])


def begun(directory: Path, ship_from: str) -> tuple[Position | None, list[str]]:
    """The place at which a shipper is that was killed before its target answered, and its troubles."""
    process = Process(directory)
    process.blocks(FarSide(asked=["hang"]), ship_from).start()
    process.kill()
    progress = process.send_loop.progress
    place = progress.position if progress.is_known else None
    return place, [one.why for one in process.reports.of(Trouble)]


@pytest.mark.parametrize(
    ("ship_from", "place"),
    [("beginning", Position(1, 0)), ("end", SECOND_END), ("2:0", Position(2, 0))],
)
def test_new_shippers_begin_at_ship_from(directory, ship_from, place):
    assert begun(directory, ship_from) == (place, [])
    # From now on that is the place.
    assert begun(directory, "beginning") == (place, [])


def test_a_place_of_another_store_is_reported_and_not_used(directory):
    ShipPlace(str(directory), "far", target="far:", clock=lambda: 1e9).save("cd" * 16, SECOND_END)
    place, told = begun(directory, "beginning")
    assert place == Position(1, 0)
    assert len(told) == 1 and told[0].endswith("; lines are sent from beginning on")


def test_an_unreadable_place_is_a_store_error_and_not_replaced(directory):
    (directory / "ship" / "far").mkdir(parents=True)
    place, told = begun(directory, "end")
    assert place is None
    assert f"{directory}/ship/far cannot be read: Is a directory" in told


@pytest.mark.parametrize(("ship_from", "place"), [("beginning", Position(1, 0)), ("end", None)])
def test_a_first_place_must_be_saved_only_if_it_is_the_end(
    directory, monkeypatch, ship_from, place
):
    """A full disk: the end would be another after a kill, and lines would be missing."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ShipPlace, "save", full)
    found, told = begun(directory, ship_from)
    assert found == place
    why = f"{directory}/ship/far cannot be saved: No space left on device"
    assert (why in told) == (place is None)


def test_a_new_identity_is_written_into_places_only(tmp_path):
    """A folder beside them, or an operator's copy of one, is neither changed nor in the way."""
    place(tmp_path).save(STORE, Position(7, 2))
    copy = tmp_path / "ship" / "far.before"
    copy.write_bytes((tmp_path / "ship" / "far").read_bytes())
    (tmp_path / "ship" / "aside").mkdir()
    write_identity_to_places(str(tmp_path), "cd" * 16)
    assert place(tmp_path).load("cd" * 16, END) == Position(7, 2)
    assert STORE in copy.read_text()
