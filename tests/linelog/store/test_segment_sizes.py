"""What is known of sealed segments is what a listing finds, whatever happens; metrics tell it."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.logger import capturedLogs

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.sealing import retain, sealer
from logsrv.linelog.store.sealing.retain import SegmentSizes
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Segment, sealed_segments
from tests.linelog.store.conftest import segments
from tests.parts.disks import FaultyDisk, at, batch, packed_segment, plain_segment, stored, text_of
from tests.parts.reactor import until


class LateChanges(FaultyDisk):
    """A disk that calls each of some functions once, at the end of a listing."""

    def __init__(self) -> None:
        super().__init__()
        self.behind_listing: list[Callable[[], object]] = []

    def entries(self) -> dict[str, bool]:
        found = super().entries()
        while self.behind_listing:
            self.behind_listing.pop()()
        return found


def plain(directory: Path, number: int, text: bytes = b"text\n") -> Segment:
    return plain_segment(directory, text, number)


def packed(directory: Path, number: int) -> Segment:
    return packed_segment(directory, stored(b"%d" % number), number)


def numbers(sizes: SegmentSizes) -> list[int]:
    return [one.segment.number for one in sizes]


def looked(directory: Path) -> SegmentSizes:
    sizes = SegmentSizes(at(directory))
    sizes.replace_known(sealed_segments(at(directory)))
    return sizes


def test_sealed_segments_are_counted_with_their_indexes_and_not_the_active_one(tmp_path):
    assert looked(tmp_path).total == (0, 0)
    packed(tmp_path, 1)
    plain(tmp_path, 2, stored(b"two"))
    (tmp_path / "current.log").write_bytes(stored(b"three"))
    (tmp_path / sealed_segments(at(tmp_path))[0].columns).write_bytes(b"columns")
    files = [path.stat().st_size for path in tmp_path.glob("0*")]
    assert len(files) == 4
    sizes = looked(tmp_path)
    assert sizes.total == (2, sum(files)) and sizes.waiting == (1, len(stored(b"two")))


async def test_columns_that_are_made_later_count_after_the_next_look(open_store, metrics):
    """And who makes them hears of each segment that is sealed."""
    heard: list[bool] = []
    store = open_store(metrics=metrics, after_sealing=lambda: heard.append(True))
    await segments(store, metrics, packed=1)
    await until(lambda: heard)
    [one] = store.sealed_segments()
    before = metrics.value("store_bytes")
    (store.directory / one.columns).write_bytes(b"x" * 1000)
    store.measure_again(one)
    store.apply(StorePolicy())
    await until(lambda: metrics.value("store_bytes") == before + 1000)


def test_our_own_changes_are_known_as_a_listing_would_find_them(tmp_path):
    sizes = SegmentSizes(at(tmp_path))
    for number in range(1, 8):
        sizes.add(plain(tmp_path, number, stored(b"x" * number) if number != 4 else b""))
    assert sizes.waiting[0] == 6 and len(list(sizes.plain_segments())) == 7
    for number in (2, 5):
        sizes.add(packed(tmp_path, number))
    for path in tmp_path.glob("0000000003-*"):
        path.unlink()
    sizes.forget(3)
    listed = looked(tmp_path)
    assert list(sizes) == list(listed) and numbers(sizes) == [1, 2, 4, 5, 6, 7]
    assert (sizes.total, sizes.waiting) == (listed.total, listed.waiting)
    assert list(sizes.plain_segments()) == list(listed.plain_segments())


def test_the_next_listing_finds_what_others_remove_and_bring_back(tmp_path):
    """Somebody who makes room, and somebody who has saved old segments."""
    for number in (2, 3, 4):
        packed(tmp_path, number)
    sizes = looked(tmp_path)
    for path in tmp_path.glob("0000000003-*"):
        path.unlink()
    packed(tmp_path, 1)
    plain(tmp_path, 9)
    sizes.replace_known(sealed_segments(at(tmp_path)))
    assert numbers(sizes) == [1, 2, 4, 9]
    listed = looked(tmp_path)
    assert (sizes.total, sizes.waiting) == (listed.total, listed.waiting)


def test_a_segment_that_goes_before_it_is_looked_at_is_left_out(tmp_path):
    sizes = SegmentSizes(at(tmp_path))
    segment = plain(tmp_path, 1)
    sizes.add(segment)
    (tmp_path / segment.name).unlink()
    sizes.add(segment)
    sizes.add(Segment(2, "0000000002-20261120T061842Z.log", Form.PLAIN))
    assert (list(sizes), sizes.total, sizes.waiting, list(sizes.plain_segments())) == (
        [],
        (0, 0),
        (0, 0),
        [],
    )


def test_a_segment_that_was_compressed_before_it_is_told_of_stays_known(tmp_path):
    """A listing sees it, and it is sealed, while the thread that is to hand it over still syncs it."""
    segment = plain(tmp_path, 1, stored(b"one"))
    sizes = looked(tmp_path)
    seal(segment, at(tmp_path))
    sizes.add(Segment(1, segment.packed, Form.PACKED))
    sizes.add(segment)
    assert list(sizes) == list(looked(tmp_path)) and numbers(sizes) == [1]


def test_a_listing_that_fails_half_way_leaves_the_segments_in_order(tmp_path):
    """Retention takes the first for the oldest."""
    for number in (2, 3):
        packed(tmp_path, number)
    disk = FaultyDisk().open_directory(tmp_path)
    sizes, real = SegmentSizes(disk), disk.stat
    sizes.replace_known(sealed_segments(disk))
    packed(tmp_path, 1)
    plain(tmp_path, 4)

    def stat(name: str) -> os.stat_result:
        if name.startswith("0000000004-"):
            raise OSError(errno.EIO, "Input/output error")
        return real(name)

    disk.stat = stat  # type: ignore[method-assign]
    with pytest.raises(OSError, match="Input/output error"):
        sizes.replace_known(sealed_segments(disk))
    assert numbers(sizes) == [1, 2, 3]
    disk.stat = real  # type: ignore[method-assign]
    sizes.replace_known(sealed_segments(disk))
    assert numbers(sizes) == [1, 2, 3, 4]


def test_sizes_are_looked_at_again_a_part_at_a_time(tmp_path, monkeypatch):
    """Word indexes come and go beside a running server."""
    monkeypatch.setattr(retain, "LOOKED_AT_AGAIN", 2)
    segments = [packed(tmp_path, number) for number in range(1, 6)]
    sizes = looked(tmp_path)
    before = sizes.total[1]
    for segment in segments:
        (tmp_path / segment.words).write_bytes(b"x" * 1000)
    grown = []
    for _ in range(4):
        sizes.replace_known(sealed_segments(at(tmp_path)))
        grown.append((sizes.total[1] - before) // 1000)
    assert grown == [2, 3, 5, 5]


def test_a_listing_looks_at_no_file_that_is_known_but_a_few(tmp_path):
    for number in range(1, 1001):
        (tmp_path / f"{number:010}-20261120T061842Z.log.zst").touch()
    disk, looks = FaultyDisk().open_directory(tmp_path), list[str]()
    sizes, real = SegmentSizes(disk), disk.stat

    def stat(name: str) -> object:
        looks.append(name)
        return real(name)

    sizes.replace_known(sealed_segments(disk))
    disk.stat = stat  # type: ignore[method-assign, assignment]
    sizes.add(Segment(1001, "0000001001-20261120T061842Z.log", Form.PLAIN))
    assert len(looks) == 1
    sizes.replace_known(sealed_segments(disk))
    assert len(looks) < 4 * retain.LOOKED_AT_AGAIN + 10


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


async def test_a_change_from_outside_is_noticed_by_itself(open_store, metrics, clock):
    """Also within one tick of the kernel's clock for files."""
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


async def test_a_segment_that_comes_during_a_listing_is_found_by_the_next_one(
    open_store, metrics, clock, tmp_path
):
    """A listing of thousands of names takes a while; somebody brings a segment back meanwhile."""
    disk = LateChanges()
    store = open_store(disk, clock=clock, metrics=metrics)
    await segments(store, metrics, packed=2)

    def move_second(origin: Path, to: Path, moment: float) -> None:
        for path in origin.glob("0000000002-*"):
            path.rename(to / path.name)
        # Before the last tick of the kernel's clock for files.
        os.utime(store.directory, (moment, moment))

    move_second(store.directory, tmp_path, 8e8)
    disk.behind_listing.append(lambda: move_second(tmp_path, store.directory, 9e8))
    clock.advance(sealer.LOOK_EVERY)
    assert disk.behind_listing == [] and metrics.value("store_segments") == 2
    clock.advance(sealer.LOOK_EVERY)
    assert metrics.value("store_segments") == 3


async def test_a_rotation_lists_nothing(open_store, metrics):
    """With 20,000 segments a listing takes as long as all else."""
    disk, listed = FaultyDisk(), list[int]()
    store = open_store(disk, metrics=metrics, keep_bytes=1 << 30)
    await segments(store, metrics, packed=1)
    disk.before["entries"] = lambda: listed.append(1)
    for number in range(5):
        store.append(batch(b"%d" % number))
        store.rotate()
    await until(lambda: metrics.value("segments_sealed_total") == 6)
    assert listed == []


async def test_damaged_indexes_are_reported_and_made_again_soon_after_a_start(
    open_store, metrics, monkeypatch
):
    """The start itself reads no index: of 20,000 that takes a second."""
    monkeypatch.setattr(sealer, "INDEXES_AT_ONCE", 2)
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
