"""Catalogs that a store lacks are made of its small segments, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.catalog import remake
from logsrv.linelog.store.catalog.remake import has_words_of, make_catalogs
from tests.linelog.store.catalog.small import in_catalog, sealed, small_segments
from tests.linelog.store.faults import at


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remake, "WANTED", 4)
    monkeypatch.setattr(remake, "MOST", 6)


def test_what_is_missing_is_made(tmp_path: Path) -> None:
    disk = at(small_segments(tmp_path / "store", 13))
    made = ["0000000001-0000000006.catalog", "0000000007-0000000012.catalog"]
    assert list(make_catalogs(disk)) == made
    assert list(make_catalogs(disk)) == []
    has_words = has_words_of(disk)
    assert [has_words(one) for one in sealed(tmp_path / "store")] == [*[True] * 12, False]


def test_large_segments_are_in_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remake, "SMALL", 10)
    assert list(make_catalogs(at(small_segments(tmp_path / "store", 5)))) == []


def test_one_without_words_gets_them(tmp_path: Path) -> None:
    """So after `--index none`, which makes catalogs of times alone."""
    store = small_segments(tmp_path / "store", 5)
    name = in_catalog(store, with_words=False)
    assert list(make_catalogs(at(store))) == [name]
    assert has_words_of(at(store))(sealed(store)[0])
