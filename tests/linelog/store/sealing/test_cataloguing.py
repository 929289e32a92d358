"""Catalogs come by themselves while a store seals, and go with their segments."""

import errno
from pathlib import Path

import attrs
import pytest
from twisted.logger import capturedLogs

from logsrv.linelog.store.catalog.build import make_catalog
from logsrv.linelog.store.policy import DAY, Indexing, StorePolicy
from logsrv.linelog.store.sealing import cataloguing, packing
from logsrv.linelog.store.sealing.cataloguing import Cataloguer
from logsrv.linelog.store.store import Store
from tests.parts.disks import at, batch, until
from tests.parts.small_segments import in_catalog, sealed, small_segments


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cataloguing, "WANTED", 4)
    monkeypatch.setattr(cataloguing, "MOST", 6)


def cataloguer_of(store: Path) -> Cataloguer:
    """Keep the catalogs of a store, made in this process."""
    disk = at(store)
    return Cataloguer(disk, lambda chosen, words: make_catalog(chosen, disk, with_words=words))


def catalogs(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.catalog*"))


async def filled(store: Store, segments: int) -> None:
    """Write so many segments, and wait until each is sealed."""
    for number in range(segments):
        before = len(list(store.directory.glob("*.zst")))
        store.append(batch(b"line %d" % number))
        store.rotate()
        await until(lambda: len(list(store.directory.glob("*.zst"))) > before)  # noqa: B023


@pytest.mark.slow
@pytest.mark.parametrize("index", Indexing)
async def test_enough_small_segments_get_a_catalog(open_store, index):
    store = open_store(index=index)
    await filled(store, 4)
    await until(lambda: catalogs(store.directory) == ["0000000001-0000000004.catalog"])
    await filled(store, 4)
    await until(lambda: "0000000005-0000000008.catalog" in catalogs(store.directory))


def test_a_start_goes_on_with_the_catalogs_of_the_last_run(tmp_path):
    """It removes what a crash left and catalogs of segments that are gone."""
    store = small_segments(tmp_path / "store", 9)
    name = in_catalog(store)
    (store / "0000000001-0000000004.catalog.tmp").write_bytes(b"begun")
    (store / "0000000000-0000000000.catalog").write_bytes(b"of segments that are gone")
    for segment in sealed(store)[:2]:
        (store / segment.name).unlink()
    cataloguer = cataloguer_of(store)
    cataloguer.list_and_clean_up()
    assert catalogs(store) == [name]
    assert cataloguer.total_size == (store / name).stat().st_size
    assert not cataloguer.make_if_due(True)
    for segment in sealed(store)[:-1]:
        cataloguer.remove_catalogs_before(segment)
    assert catalogs(store) == [name]
    cataloguer.remove_catalogs_before(sealed(store)[-1])
    assert catalogs(store) == []
    assert cataloguer.total_size == 0


async def test_a_catalog_made_by_another_process_counts_and_goes_with_its_segments(
    open_store, monkeypatch
):
    """By `logsrv reindex`; within a minute, or by SIGHUP at once."""
    monkeypatch.setattr(cataloguing, "WANTED", 100)
    store = open_store()
    await filled(store, 3)
    name = in_catalog(store.directory)
    segments = [path.stat().st_size for path in store.directory.glob("0*.zst*")]
    assert len(segments) == 6
    # Room for the segments, but not for the catalog as well.
    policy = StorePolicy(keep_bytes=sum(segments), rotate_every=100 * 366 * DAY)
    store.apply(policy)
    store.reopen()
    await until(lambda: len(list(store.directory.glob("*.zst"))) < 3)
    store.apply(attrs.evolve(policy, keep_bytes=1))
    await until(lambda: not list(store.directory.glob("0*.zst")))
    await until(lambda: not (store.directory / name).exists())


def test_an_old_store_gets_catalogs_one_after_the_other(tmp_path):
    store = small_segments(tmp_path / "store", 13)
    cataloguer = cataloguer_of(store)
    cataloguer.list_and_clean_up()
    assert cataloguer.make_if_due(True)
    assert not cataloguer.make_if_due(True)
    made = ["0000000001-0000000006.catalog", "0000000007-0000000012.catalog"]
    assert catalogs(store) == made
    assert not cataloguer.make_if_due(True)
    assert catalogs(store) == made


def test_segments_that_are_removed_while_they_wait_are_in_none(tmp_path):
    store = small_segments(tmp_path / "store", 5)
    cataloguer = cataloguer_of(store)
    cataloguer.list_and_clean_up()
    for segment in sealed(store)[:2]:
        cataloguer.remove_catalogs_before(segment)
    assert not cataloguer.make_if_due(True)
    assert catalogs(store) == []


def test_large_segments_get_no_catalog(tmp_path, monkeypatch):
    monkeypatch.setattr(cataloguing, "SMALL", 10)
    store = small_segments(tmp_path / "store", 5)
    cataloguer = cataloguer_of(store)
    cataloguer.list_and_clean_up()
    assert not cataloguer.make_if_due(True)
    assert catalogs(store) == []


def test_a_failed_catalog_is_not_tried_again_after_each_segment(tmp_path):
    """A full disk would else have a process started for each."""
    store = small_segments(tmp_path / "store", 9)
    tries = []

    def fails(_: object, with_words: bool) -> str:
        tries.append(with_words)
        raise OSError(errno.ENOSPC, "No space left on device")

    cataloguer = Cataloguer(at(tmp_path), fails)
    cataloguer.list_and_clean_up()
    for segment in sealed(store)[:4]:
        cataloguer.add_sealed(segment, 1)
    with pytest.raises(OSError, match="No space left"):
        cataloguer.make_if_due(True)
    for segment in sealed(store)[4:7]:
        cataloguer.add_sealed(segment, 1)
        assert not cataloguer.make_if_due(True)
    cataloguer.add_sealed(sealed(store)[7], 1)
    with pytest.raises(OSError, match="No space left"):
        cataloguer.make_if_due(True)
    assert len(tries) == 2


async def test_a_catalog_that_cannot_be_made_is_said_once_and_stops_nothing(
    open_store, monkeypatch
):
    monkeypatch.setattr(packing, "__name__", "logsrv.no_such_module")
    store = open_store()
    with capturedLogs() as events:
        await filled(store, 9)
        await until(lambda: any("{what} failed" in event["log_format"] for event in events))
    told = [event for event in events if "{what} failed" in event["log_format"]]
    assert [event["what"] for event in told] == ["making a catalog of small segments"]
    assert catalogs(store.directory) == []


def test_directories_with_the_names_of_catalogs_keep_nothing_from_being_made(tmp_path):
    store = small_segments(tmp_path / "store", 9)
    odd = {"0000000001-0000000256.catalog", "0000000300-0000000400.catalog.tmp"}
    for name in odd:
        (store / name).mkdir()
    assert cataloguer_of(store).make_if_due(True) in (True, False)
    assert set(catalogs(store)) > odd
