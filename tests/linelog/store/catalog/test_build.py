"""A catalog of small segments: what is in it, and the making of those that a store lacks, once."""

import pytest

from logsrv.linelog.store.catalog import build
from logsrv.linelog.store.catalog.build import cataloged_predicate, make_catalog, make_catalogs
from logsrv.linelog.store.catalog.catalog import Catalogs
from logsrv.linelog.store.segments import index
from tests.parts.disks import at
from tests.parts.small_segments import in_catalog, letters, sealed, small_segments


@pytest.mark.slow
def test_times_are_those_of_the_indexes_and_words_those_of_the_texts(tmp_path):
    store = small_segments(tmp_path / "store", 40)
    name = in_catalog(store)
    assert name == "0000000001-0000000040.catalog"
    disk = at(store)
    found = Catalogs(disk, disk.entries(), pytest.fail)
    for place, segment in enumerate(sealed(store)):
        known = found.find_segment(segment)
        assert known is not None and known.place == place
        assert known.entry.times == index.load(segment, disk).times
        word = b"species" + letters(segment.number).encode() + b" "
        having = found.ask_words(known.catalog, lambda words, word=word: words.frames_with(word))  # type: ignore[misc]
        assert having is not None and having >> place & 1
        assert having.bit_count() < 5


def test_damaged_and_removed_segments_are_left_out_of_a_catalog(tmp_path):
    store = small_segments(tmp_path / "store", 6)
    segments = sealed(store)
    (store / segments[0].name).unlink()
    (store / segments[1].index).unlink()
    cut = store / segments[2].name
    cut.write_bytes(cut.read_bytes()[:-1])
    changed = bytearray((store / segments[3].name).read_bytes())
    changed[len(changed) // 2] ^= 1
    (store / segments[3].name).write_bytes(changed)
    disk = at(store)
    assert make_catalog(segments, disk, with_words=True) == "0000000005-0000000006.catalog"
    found = Catalogs(disk, disk.entries(), pytest.fail)
    assert [found.find_segment(one) is not None for one in segments] == [*[False] * 4, True, True]


def test_no_catalog_is_made_of_no_usable_segments(tmp_path):
    store = small_segments(tmp_path / "store", 1)
    segments = sealed(store)
    (store / segments[0].name).unlink()
    assert make_catalog(segments, at(store), with_words=True) == ""
    assert not list(store.glob("*.catalog*"))


def test_a_stop_while_a_catalog_is_made_leaves_no_file(tmp_path):
    store = small_segments(tmp_path / "store", 2)
    assert make_catalog(sealed(store), at(store), going=lambda: False, with_words=True) == ""
    assert not list(store.glob("*.catalog*"))


def test_words_that_would_be_too_large_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "MOST_PART", 0.001)
    store = small_segments(tmp_path / "store", 3)
    in_catalog(store)
    disk = at(store)
    found = Catalogs(disk, disk.entries(), pytest.fail)
    known = found.find_segment(sealed(store)[0])
    assert known is not None and found.ask_words(known.catalog, lambda _: 1) is None


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WANTED", 4)
    monkeypatch.setattr(build, "MOST", 6)


def test_missing_catalogs_of_many_small_segments_are_made(tmp_path):
    disk = at(small_segments(tmp_path / "store", 13))
    made = ["0000000001-0000000006.catalog", "0000000007-0000000012.catalog"]
    assert list(make_catalogs(disk)) == made
    assert list(make_catalogs(disk)) == []
    entered = cataloged_predicate(disk)
    assert [entered(one) for one in sealed(tmp_path / "store")] == [*[True] * 12, False]


def test_large_segments_are_in_no_catalog(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "SMALL", 10)
    assert list(make_catalogs(at(small_segments(tmp_path / "store", 5)))) == []


def test_a_catalog_without_words_gets_them(tmp_path):
    """So after `--index none`, which makes catalogs of times alone."""
    store = small_segments(tmp_path / "store", 5)
    name = in_catalog(store, with_words=False)
    assert list(make_catalogs(at(store))) == [name]
    assert list(make_catalogs(at(store))) == []


@pytest.mark.parametrize("left", [-9, 100])
def test_a_damaged_catalog_is_removed_and_another_made(tmp_path, left):
    """Its end or all behind its beginning is missing; the next may be of other segments."""
    store = small_segments(tmp_path / "store", 8)
    name = in_catalog(store, most=3)
    (store / name).write_bytes((store / name).read_bytes()[:left])
    assert list(make_catalogs(at(store))) == ["0000000001-0000000006.catalog"]
    assert not (store / name).exists()
    assert list(make_catalogs(at(store))) == []


def test_a_segment_in_a_catalog_needs_no_words_of_its_own(tmp_path):
    store = small_segments(tmp_path / "store", 3)
    in_catalog(store, most=2, with_words=False)
    entered = cataloged_predicate(at(store))
    assert [entered(one) for one in sealed(store)] == [True, True, False]
