"""A text goes when all its lines are there in another way, and stays as long as they are not."""

import os
from pathlib import Path

import pytest

from logsrv.linelog.store.archive.manifest import encode_manifest
from logsrv.linelog.store.care.backup import count_store_lines
from logsrv.linelog.store.care.copying import CopyMethod
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form, Segment, sealed_segments
from logsrv.linelog.store.torn import repair_text
from tests.linelog.store.care.backups import take
from tests.parts.disks import text_of
from tests.parts.examined_stores import at as disk_at
from tests.parts.examined_stores import flip, found, kinds, manifest_of, small_store
from tests.parts.stores import line


def waiting_of(store: Path) -> Segment:
    """The segment that waits for being compressed."""
    [waiting] = [one for one in sealed_segments(disk_at(store)) if one.form is Form.PLAIN]
    return waiting


@pytest.mark.parametrize("loss", ["cut", "damage"])
def test_a_text_is_not_given_up_for_a_compressed_one_that_lacks_lines(tmp_path, loss):
    """The store has lost lines since that its backup has: the power went, or its disk dies."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    text, waiting = text_of(to), waiting_of(store)
    if loss == "cut":
        os.truncate(store / waiting.name, (store / waiting.name).stat().st_size - 60)
    seal(waiting, disk_at(store))
    if loss == "damage":
        flip(store / waiting.packed, 30)
    assert take(store, to).damaged == {waiting.packed: CopyMethod.KEPT}
    assert text_of(to) == text and kinds(found(to)) == []


@pytest.mark.parametrize("at", [80, 0])
def test_holes_and_a_torn_end_of_a_power_cut_go_when_a_start_has_mended_them(tmp_path, at):
    """The backup was quicker than the server when the power came back."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    waiting = waiting_of(store)
    path = store / waiting.name
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes(20) + whole[at + 20 :] + b"2026-11-20T06:0" + bytes(30))
    os.utime(path, (0, 0))
    if not at:
        # As current.log it had no name, and without a TIME it gets another.
        path.rename(store / f"{waiting.number:010}-19700101T000000Z.log")
    take(store, to)
    assert "text" in kinds(found(to))
    for one in store.glob(f"{waiting.number:010}-*.log"):
        one.unlink()
    path.write_bytes(whole[:at] + b"-" * 20 + whole[at + 20 :])
    seal(waiting, disk_at(store))
    assert take(store, to).damaged == {}
    assert text_of(to) == text_of(store) and kinds(found(to)) == []


@pytest.mark.parametrize("into", [0, 5, 28, 40, 50, 60])
def test_a_hole_that_begins_in_a_stamp_goes_when_a_start_has_filled_it(tmp_path, into):
    """Of the stamp nothing is left then: the line that tells of the hole stands there."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    waiting = waiting_of(store)
    path = store / waiting.name
    whole = b"".join(line("x" * 100, second) for second in range(10))
    hole = len(line("x" * 100)) + into
    path.write_bytes(whole[:hole] + bytes(512 - hole) + whole[512:])
    take(store, to)
    assert "text" in kinds(found(to))
    with path.open("r+b") as file:
        assert repair_text(str(path), file.fileno(), 0) == (len(whole), False)
    seal(waiting, disk_at(store))
    assert take(store, to).damaged == {}
    assert text_of(to) == text_of(store) and kinds(found(to)) == []


@pytest.mark.parametrize("lost", [b"2026", b"x"])
def test_a_text_whose_own_lines_are_others_stays(tmp_path, lost):
    """A stamp that no hole follows is nobody's note, nor is a letter of a message."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    waiting = waiting_of(store)
    path = store / waiting.name
    whole = b"".join(line("x" * 100, second) for second in range(10))
    path.write_bytes(whole[:600] + bytes(1024 - 600) + whole[1024:])
    take(store, to)
    text = text_of(to)
    path.write_bytes(whole.replace(lost, b"-" * len(lost), 1))
    seal(waiting, disk_at(store))
    assert take(store, to).damaged == {waiting.packed: CopyMethod.KEPT}
    assert text_of(to) == text


def test_a_text_goes_if_an_archive_has_all_of_it(tmp_path):
    """It was the active segment last night; since then all of it went away."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    waiting = waiting_of(store)
    path = store / waiting.name
    whole = path.read_bytes()
    path.write_bytes(whole.partition(b"\n")[0] + b"\n")
    assert take(store, to).note.lines == 21
    path.write_bytes(whole)
    seal(waiting, disk_at(store))
    (store / f"{waiting.packed}.archived").write_bytes(encode_manifest(manifest_of(store, 4)))
    (store / waiting.packed).unlink()
    assert take(store, to).note.lines == count_store_lines(disk_at(to)) == 25
    assert not (to / waiting.name).exists() and found(to) == []
