"""Numbers that are not here: removed, without lines, in an archive, or missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.archive.manifest import encode
from logsrv.linelog.store.segments.empty import note_empty
from logsrv.linelog.store.segments.removed import RemovedRun, note_removed
from tests.linelog.store.care.stores import (
    at,
    found,
    kinds,
    manifest_of,
    notes,
    packed_of,
    small_store,
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


def remove(store: Path, *numbers: int) -> None:
    for number in numbers:
        for path in store.glob(f"{number:010d}-2*"):
            path.unlink()


def test_the_oldest_may_be_gone(store: Path) -> None:
    remove(store, 1, 2)
    assert (kinds(found(store)), notes(found(store))) == ([], ["oldest-gone"])


def test_what_is_missing_in_between_is_lost_from_when_to_when(store: Path) -> None:
    remove(store, 2, 3)
    [one] = found(store)
    assert (one.kind, one.name, one.lines) == ("segment-missing", "segments 2 to 3", None)
    assert "from 2026-11-20T06:00:00.000000Z on up to 2026-11-20T06:05:00" in one.means


def test_what_is_missing_before_the_active_segment_is_lost(store: Path) -> None:
    remove(store, 4)
    assert [one.name for one in found(store) if one.kind == "segment-missing"] == ["segment 4"]


def test_a_number_that_is_far_off_is_told_at_once(store: Path) -> None:
    """A digit that a disk has made up: nobody counts to a billion for it."""
    (store / "number").write_bytes(b"999999999\n")
    (store / "empty").write_bytes(b"700000000-900000000 5-8\n")
    assert [one.name for one in found(store) if one.kind == "segment-missing"] == [
        "segments 9 to 699999999",
        "segments 900000001 to 999999998",
    ]


def test_what_was_removed_or_had_no_lines_is_no_finding(store: Path) -> None:
    remove(store, 2, 3)
    note_removed([RemovedRun(range(2, 3), 300, 3)], at(store))
    note_empty(3, at(store))
    assert found(store) == []


def test_what_is_in_an_archive_is_no_finding(store: Path) -> None:
    second = packed_of(store)[1]
    (store / second.archived).write_bytes(encode(manifest_of(store, 2)))
    (store / second.name).unlink()
    assert found(store) == []
