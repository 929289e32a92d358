"""A catalog that is of no use is put aside, and searches go on without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.care.doctor.aside import make_catalog_again
from tests.linelog.store.care.stores import at, flip, found, kinds, small_store


@pytest.mark.parametrize("how", ["head", "words", "cut", "longer", "another name"])
def test_damage_is_found_wherever_it_is(tmp_path: Path, how: str) -> None:
    store = small_store(tmp_path / "store")
    [catalog] = store.glob("*.catalog")
    data = catalog.read_bytes()
    if how == "head":
        flip(catalog, 20)
    elif how == "words":
        flip(catalog, len(data) - 300)
    elif how == "cut":
        catalog.write_bytes(data[:-3])
    elif how == "longer":
        catalog.write_bytes(data + b"x")
    else:
        catalog = catalog.rename(store / "0000000001-0000000002.catalog")
    assert kinds(found(store)) == ["catalog"]
    assert kinds(found(store, repair=True)) == []
    assert not catalog.exists() and (store / f"{catalog.name}.damaged").exists()


def test_each_of_several_is_put_aside_and_none_is_removed(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    [catalog] = store.glob("*.catalog")
    other = store / "0000000001-0000000002.catalog"
    other.write_bytes(catalog.read_bytes())
    for each in (catalog, other):
        flip(each, 20)
    make_catalog_again(catalog.name, at(store))
    assert sorted(path.name for path in store.glob("*.catalog*")) == [
        f"{other.name}.damaged",
        f"{catalog.name}.damaged",
    ]


def test_what_is_no_file_is_not_put_aside_for_another(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    [catalog] = store.glob("*.catalog")
    catalog.unlink()
    catalog.mkdir()
    assert kinds(found(store)) == ["catalog"]
