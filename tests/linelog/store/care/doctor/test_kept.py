"""Kept places that are no places of this store."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.cursors import place
from logsrv.linelog.cursors.place import Place
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.store.care.stores import STORE, at, flip, found, kinds, notes, small_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


def keep(store: Path, position: Position, identity: str = STORE, folder: str = "ship") -> None:
    place.save(at(store / folder), "centre", Place(position, identity, "then"))


@pytest.mark.parametrize("position", [Position(5, 9000), Position(6, 0), Position(2, 9000)])
def test_one_behind_the_end_of_the_store_or_of_its_segment(store: Path, position: Position) -> None:
    keep(store, position)
    [one] = found(store)
    assert (one.kind, one.name) == ("place-behind", "ship/centre")
    assert "--new-identity" in one.advice


def test_one_in_a_segment_that_is_missing_or_was_removed(store: Path) -> None:
    keep(store, Position(2, 0))
    for path in store.glob("0000000002-2*"):
        path.unlink()
    assert kinds(found(store)) == ["segment-missing", "place-missing"]
    for path in store.glob("0000000001-2*"):
        path.unlink()
    assert (kinds(found(store)), notes(found(store))) == ([], ["oldest-gone", "place-removed"])


def test_one_of_another_store_counts_for_nothing(store: Path) -> None:
    keep(store, Position(9, 9), "0b" * 16, "alerts")
    assert "place-foreign" in notes(found(store))


def test_one_that_is_damaged_says_where_its_reader_begins(store: Path) -> None:
    flip(store / "ship" / "centre", 20)
    flip(store / "alerts" / "1", 20)
    alert, target = sorted(found(store), key=lambda one: one.name)
    assert alert.kind == target.kind == "place"
    assert "--ship-from" in target.means and "at the end of the store" in alert.means
