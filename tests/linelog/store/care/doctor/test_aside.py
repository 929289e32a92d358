"""Nothing that is replaced is lost: it stays under another name."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.store.care.doctor.aside import keep_aside, make_beside, replace
from tests.linelog.store.care.stores import at, flip, packed_of, small_store
from tests.linelog.store.faults import FaultyDisk


def test_each_file_that_is_kept_has_a_name_of_its_own(tmp_path: Path) -> None:
    disk = at(tmp_path)
    assert keep_aside("number", disk) == ""
    for text in (b"1", b"2", b"3"):
        replace("number", text, disk)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["number", "number.damaged", "number.damaged-2"]
    assert (tmp_path / "number.damaged-2").read_bytes() == b"2"


def test_what_cannot_be_written_anew_keeps_its_name(tmp_path: Path) -> None:
    """A full disk: a file that is damaged does not become one that is missing."""
    (tmp_path / "number").write_bytes(b"1")
    disk = FaultyDisk()
    disk.enter(tmp_path)
    disk.room = 0
    with pytest.raises(OSError, match="No space left"):
        replace("number", b"2", disk)
    assert (tmp_path / "number").read_bytes() == b"1"
    assert not (tmp_path / "number.damaged").exists()


def test_the_index_of_a_damaged_segment_is_not_made(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    first = packed_of(store)[0]
    flip(store / first.name, 30)
    with pytest.raises(StoreError):
        make_beside(first, at(store), lambda _: False, first.index)
    assert (store / f"{first.index}.damaged").exists()
