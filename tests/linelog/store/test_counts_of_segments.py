"""The numbers of segments and bytes, as metrics tell them, whoever changes the directory."""

import os
from pathlib import Path

from twisted.logger import capturedLogs

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.plugin.metrics import METRICS
from logsrv.linelog.store import sealer
from tests.linelog.store.conftest import segments
from tests.parts.disks import FaultyDisk, batch, stored, text_of
from tests.parts.reactor import until


def on_disk(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("0*"))


async def test_sealed_segments_are_counted_after_a_start_and_after_each_rotation(open_store):
    metrics = Metrics(METRICS)
    store = open_store(metrics=metrics)
    await segments(store, metrics, packed=3)
    assert metrics.value("store_segments") == 4
    assert metrics.value("store_bytes") == on_disk(store.directory)
    await store.close()
    again = Metrics(METRICS)
    open_store(metrics=again)
    await until(lambda: again.value("store_segments") == 4)
    await until(lambda: again.value("store_bytes") == on_disk(store.directory))


async def test_a_segment_that_somebody_removes_is_counted_no_more(open_store):
    """By SIGHUP at once, else within some minutes."""
    metrics = Metrics(METRICS)
    store = open_store(metrics=metrics)
    await segments(store, metrics, packed=3)
    for path in store.directory.glob("0000000002-*"):
        path.unlink()
    store.reopen()
    await until(lambda: metrics.value("store_segments") == 3)
    assert metrics.value("store_bytes") == on_disk(store.directory)


async def test_a_change_from_outside_is_noticed_by_itself(open_store, clock):
    """Also within one tick of the kernel's clock for files."""
    metrics = Metrics(METRICS)
    store = open_store(clock=clock, metrics=metrics)
    await segments(store, metrics, packed=2)
    (store.directory / "0000000001-20200101T000000Z.log").write_bytes(stored(b"stranger"))
    os.utime(store.directory, this_tick := (4e9, 4e9))
    with capturedLogs() as events:
        clock.advance(sealer.LOOK_EVERY)
        await until(lambda: any("has the number of" in one["log_format"] for one in events))
    for path in store.directory.glob("0000000002-*"):
        path.unlink()
    os.utime(store.directory, this_tick)
    clock.advance(sealer.LOOK_EVERY)
    assert metrics.value("store_segments") == 2


async def test_a_rotation_lists_nothing(open_store):
    """With 20,000 segments a listing takes as long as all else."""
    disk, listed = FaultyDisk(), list[int]()
    metrics = Metrics(METRICS)
    store = open_store(disk, metrics=metrics, keep_bytes=1 << 30)
    await segments(store, metrics, packed=1)
    disk.before["entries"] = lambda: listed.append(1)
    for number in range(5):
        store.append(batch(b"%d" % number))
        store.rotate()
    await until(lambda: metrics.value("segments_sealed_total") == 6)
    assert listed == []


async def test_damaged_indexes_are_reported_and_made_again_soon_after_a_start(
    open_store, monkeypatch
):
    """The start itself reads no index: of 20,000 that takes a second."""
    monkeypatch.setattr(sealer, "INDEXES_AT_ONCE", 2)
    metrics = Metrics(METRICS)
    store = open_store(metrics=metrics)
    await segments(store, metrics, packed=6)
    await store.close()
    before = text_of(store.directory)
    packed = sorted(store.directory.glob("*.zst"))
    os.truncate(packed[0], packed[0].stat().st_size - 1)
    index = packed[4].with_name(f"{packed[4].name}.idx")
    whole = index.read_bytes()
    index.write_bytes(whole[:-9])
    for name in (packed[5].name, f"{packed[5].name}.idx"):
        (store.directory / name).unlink()
    with capturedLogs() as events:
        again = open_store(directory=store.directory)
        await until(lambda: index.read_bytes() == whole)
        await until(lambda: any("it ends after" in event["log_format"] for event in events))
        await again.close()
    assert not [one for one in events if "cannot be read" in one["log_format"]]
    assert text_of(store.directory) == before[len(stored(b"0")) : -len(stored(b"5"))]
