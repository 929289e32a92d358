"""Segments in an archive only: what is here to find them by is what was archived."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.archive.manifest import encode
from tests.linelog.store.care.stores import (
    all_findings,
    examination,
    flip,
    found,
    kinds,
    manifest_of,
    packed_of,
    small_store,
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = small_store(tmp_path / "store")
    first = packed_of(store)[0]
    (store / first.archived).write_bytes(encode(manifest_of(store)))
    (store / first.name).unlink()
    return store


def test_its_lines_are_counted_by_the_note(store: Path) -> None:
    assert found(store) == []
    examined = examination(store)
    assert list(all_findings(examined, examined.parts())) == []
    assert examined.lines[1] == 5


def test_an_index_that_is_not_what_was_archived_is_damaged(store: Path) -> None:
    [index] = store.glob("0000000001-*.idx")
    flip(index, 30)
    assert kinds(found(store)) == ["away-index"]


def test_so_is_a_note_that_makes_no_sense(store: Path) -> None:
    [note] = store.glob("0000000001-*.archived")
    whole = note.read_bytes()
    for text in (whole[:-20], whole.replace(b"0000000001", b"0000000009")):
        note.write_bytes(text)
        assert kinds(found(store)) == ["archived"]
