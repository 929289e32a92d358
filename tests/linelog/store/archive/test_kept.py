"""The notes of a store about its archives."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.archive.kept import archived, archives, note_archived, note_url
from logsrv.linelog.store.archive.putting import describe
from logsrv.linelog.store.disk.disk import Disk
from tests.linelog.store.archive.segments import STORE, packed, sealed_store
from tests.linelog.store.faults import at


def test_a_store_knows_its_archives(tmp_path: Path) -> None:
    """One that it cannot understand is as none."""
    assert archives(str(tmp_path)) == []
    (tmp_path / "ship").mkdir()
    folder = Disk().enter(tmp_path / "ship")
    note_url(folder, "b", "file:///srv/b")
    note_url(folder, "a", "file:///srv/a")
    note_url(folder, "c", "ftp://c")
    (tmp_path / "ship/d.archive").write_bytes(b"\xff")
    (tmp_path / "ship/a").write_text("a kept place")
    folder.leave()
    assert [one.place for one in archives(str(tmp_path))] == ["file:///srv/a", "file:///srv/b"]


def test_the_manifest_stands_beside_the_segment(tmp_path: Path) -> None:
    store = sealed_store(tmp_path / "store", 1)
    [one] = packed(store)
    made = describe(one, at(store), STORE)
    note_archived(at(store), one, made)
    assert archived(at(store), one) == made
    (store / one.archived).write_bytes(b"{}")
    with pytest.raises(ValueError, match="no manifest"):
        archived(at(store), one)


def test_a_segment_that_was_removed_meanwhile_gets_no_note(tmp_path: Path) -> None:
    store = sealed_store(tmp_path / "store", 1)
    [one] = packed(store)
    made = describe(one, at(store), STORE)
    for name in one.files:
        (store / name).unlink()
    note_archived(at(store), one, made)
    assert not (store / one.archived).exists()
