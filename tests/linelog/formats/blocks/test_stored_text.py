"""The text of a segment, which blocks of a stream are compared with, while it changes its form."""

import functools
from pathlib import Path

import pytest

from logsrv.linelog.formats.blocks.overlap import read_text_piece
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form, Segment
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
