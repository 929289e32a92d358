"""Catalogs that a store lacks are made of its small segments, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.catalog import build
from logsrv.linelog.store.catalog.build import entered_of, make_catalogs
from tests.linelog.store.catalog.small import in_catalog, sealed, small_segments
from tests.linelog.store.faults import at


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WANTED", 4)
    monkeypatch.setattr(build, "MOST", 6)


def test_what_is_missing_is_made(tmp_path: Path) -> None:
    disk = at(small_segments(tmp_path / "store", 13))
    made = ["0000000001-0000000006.catalog", "0000000007-0000000012.catalog"]
    assert list(make_catalogs(disk)) == made
    assert list(make_catalogs(disk)) == []
    entered = entered_of(disk)
    assert [entered(one) for one in sealed(tmp_path / "store")] == [*[True] * 12, False]


def test_large_segments_are_in_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "SMALL", 10)
    assert list(make_catalogs(at(small_segments(tmp_path / "store", 5)))) == []


def test_one_without_words_gets_them(tmp_path: Path) -> None:
    """So after `--index none`, which makes catalogs of times alone."""
    store = small_segments(tmp_path / "store", 5)
    name = in_catalog(store, with_words=False)
    assert list(make_catalogs(at(store))) == [name]
    assert list(make_catalogs(at(store))) == []


@pytest.mark.parametrize("left", [-9, 100])
def test_a_damaged_one_is_removed_and_another_made(tmp_path: Path, left: int) -> None:
    """Its end or all behind its beginning is missing; the next may be of other segments."""
    store = small_segments(tmp_path / "store", 8)
    name = in_catalog(store, most=3)
    (store / name).write_bytes((store / name).read_bytes()[:left])
    assert list(make_catalogs(at(store))) == ["0000000001-0000000006.catalog"]
    assert not (store / name).exists()
    assert list(make_catalogs(at(store))) == []


def test_who_is_in_a_catalog_needs_no_words_of_its_own(tmp_path: Path) -> None:
    store = small_segments(tmp_path / "store", 3)
    in_catalog(store, most=2, with_words=False)
    entered = entered_of(at(store))
    assert [entered(one) for one in sealed(store)] == [True, True, False]
