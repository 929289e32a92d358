"""Giving out what a store has, while its segments change their form."""

import functools
from pathlib import Path

import pytest

from logsrv.linelog.inputs.blocks.copy_source import (
    read_centre_state,
    read_file_piece,
    read_text_piece,
)
from logsrv.linelog.store.origins.notes import Snapshot
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Form, Position, Segment
from tests.parts.archived_stores import STORE, packed, remove_texts, sealed_store
from tests.parts.disks import at
from tests.parts.stores import lines, make_store


@functools.cache
def segments() -> list[list[bytes]]:
    """The lines of four segments, each of several frames when it is compressed."""
    return [
        lines([f"segment {number} line {each}" for each in range(30_000)], number)
        for number in range(4)
    ]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two compressed segments, a plain one, and the active one."""
    return make_store(tmp_path / "store", segments(), packed=2)


def text(disk: Disk, number: int, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = read_text_piece(disk, number, len(found), min(size, len(found) + 100_000))
        assert piece
        found += piece
    return found


@pytest.mark.slow
def test_the_state_is_that_of_the_moment_it_was_asked_for(store):
    disk = at(store)
    size = (store / "current.log").stat().st_size
    state = read_centre_state(disk, STORE, Snapshot(Position(4, size - 7), ()))
    assert [one.segment.number for one in state.packed] == [1, 2]
    assert state.texts == ((3, len(b"".join(segments()[2]))), (4, size - 7))
    for one in state.packed:
        assert one.size == (store / one.name).stat().st_size
        assert one.words == (store / f"{one.name}.words").stat().st_size > 0
    # Two rotations later.
    state = read_centre_state(disk, STORE, Snapshot(Position(2, 100), ()))
    assert [one.segment.number for one in state.packed] == [1]
    assert state.texts == ((2, 100),)
    assert read_centre_state(disk, STORE, Snapshot(Position(2, 0), ())).texts == ()


@pytest.mark.slow
def test_the_text_of_a_segment_is_the_same_in_each_form(store):
    disk = at(store)
    for number, held in enumerate(segments(), 1):
        whole = b"".join(held)
        assert text(disk, number, len(whole)) == whole
    assert read_text_piece(disk, 1, len(b"".join(segments()[0])), 10**9) == b""
    assert read_text_piece(disk, 5, 0, 10) is None


def test_a_segment_that_is_sealed_between_two_looks_is_found_again(store, monkeypatch):
    disk = at(store)
    plain = next(path for path in store.glob("0000000003-*.log"))
    real = Disk.open

    def sealed_before(self: Disk, name: str, flags: int) -> int:
        monkeypatch.setattr(Disk, "open", real)
        seal(Segment(3, plain.name, Form.PLAIN), disk)
        return real(self, name, flags)

    monkeypatch.setattr(Disk, "open", sealed_before)
    assert read_text_piece(disk, 3, 0, 50) == b"".join(segments()[2])[:50]
    assert not plain.exists()


def test_a_file_that_has_taken_the_name_is_not_taken_for_the_segment(store, monkeypatch):
    """A rotation between the look and the opening of current.log."""
    disk = at(store)
    real = Disk.open

    def rotated_before(self: Disk, name: str, flags: int) -> int:
        monkeypatch.setattr(Disk, "open", real)
        (store / "current.log").rename(store / "0000000004-20261120T060003Z.log")
        (store / "current.log").write_bytes(b"the next one\n")
        return real(self, name, flags)

    monkeypatch.setattr(Disk, "open", rotated_before)
    assert read_text_piece(disk, 4, 0, 50) == b"".join(segments()[3])[:50]


def test_files_are_given_by_the_names_of_segments_only(store, tmp_path):
    disk = at(store)
    first = packed(store)[0]
    assert read_file_piece(disk, first.name, 5, 25) == (store / first.name).read_bytes()[5:25]
    assert read_file_piece(disk, first.words, 0, 9) == (store / first.words).read_bytes()[:9]
    (tmp_path / "secret").write_text("geheim")
    linked = "0000000009-20261120T061842Z.log.zst"
    (store / linked).symlink_to(tmp_path / "secret")
    (store / linked.replace("09", "08")).mkdir()
    for name in (
        "store",
        "../secret",
        "current.log",
        "ship/a",
        first.index + ".tmp",
        f"{first.name}\n",
    ):
        assert read_file_piece(disk, name, 0, 9) is None, name
    with pytest.raises(OSError, match="Too many levels"):
        read_file_piece(disk, linked, 0, 9)
    assert read_file_piece(disk, linked.replace("09", "08"), 0, 9) is None
    assert read_file_piece(disk, linked.replace("09", "07"), 0, 9) is None


def test_segments_that_are_in_an_archive_only_are_counted(tmp_path):
    store = sealed_store(tmp_path / "store", 2, count=100)
    for one in packed(store):
        (store / one.archived).write_bytes(b"{}")
    remove_texts(store)
    state = read_centre_state(at(store), STORE, Snapshot(Position(3, 0), ()))
    assert state.packed == ()
    assert [(name[:10], size) for name, size in state.away] == [
        ("0000000001", 2),
        ("0000000002", 2),
    ]
