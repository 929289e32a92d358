"""Catalogs that are old, damaged or gone are not used."""

import os

import pytest

from logsrv.linelog.store.catalog.catalog import Catalogs
from tests.parts.disks import at
from tests.parts.small_segments import in_catalog, sealed, small_segments


def test_a_segment_that_is_another_now_is_not_known(tmp_path):
    store = small_segments(tmp_path / "store", 4)
    in_catalog(store)
    segments = sealed(store)
    os.utime(store / segments[1].name, (1, 1))
    longer = store / segments[2].name
    written = longer.stat().st_mtime_ns
    longer.write_bytes(longer.read_bytes() * 2)
    os.utime(longer, ns=(written, written))
    (store / segments[3].name).unlink()
    disk = at(store)
    found = Catalogs(disk, disk.entries(), pytest.fail)
    assert [found.find_segment(one) is not None for one in segments] == [True, False, False, False]


def test_a_damaged_catalog_is_reported_and_not_used(tmp_path):
    store = small_segments(tmp_path / "store", 2)
    path = store / in_catalog(store)
    whole = path.read_bytes()
    disk = at(store)
    for place in (3, 60):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        told: list[str] = []
        found = Catalogs(disk, disk.entries(), told.append)
        assert found.find_segment(sealed(store)[0]) is None
        assert len(told) == 1 and told[0].startswith(f"{path} is not used: it is ")


def test_words_that_are_damaged_or_those_of_another_answer_nothing(tmp_path):
    store = small_segments(tmp_path / "store", 3)
    path = store / in_catalog(store)
    disk = at(store)
    told: list[str] = []
    found = Catalogs(disk, disk.entries(), told.append)
    known = found.find_segment(sealed(store)[0])
    assert known is not None

    def asked() -> int | None:
        return found.ask_words(known.catalog, lambda words: words.frames_with(b"xylophagous"))

    assert asked() == 0
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert asked() is None
    assert len(told) == 1 and "is no word index" in told[0]
    # Another one in its place, as a reindex beside this reader may put there.
    in_catalog(store, with_words=False)
    assert asked() is None
    path.unlink()
    assert asked() is None
    assert len(told) == 1


def test_a_catalog_with_words_is_used_before_one_without(tmp_path):
    store = small_segments(tmp_path / "store", 3)
    with_words = in_catalog(store)
    os.rename(store / with_words, store / "0000000000-0000000003.catalog")
    in_catalog(store, with_words=False)
    disk = at(store)
    found = Catalogs(disk, disk.entries(), pytest.fail)
    known = found.find_segment(sealed(store)[0])
    assert known is not None and found.ask_words(known.catalog, lambda _: 1) == 1
