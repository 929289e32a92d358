"""Sealing beside the writer."""

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store import active
from logsrv.linelog.store.notes.segment_notes import runs_of_empty_segments
from logsrv.linelog.store.policy import DAY, Hold, Indexing, StorePolicy
from logsrv.linelog.store.sealing import sealer
from logsrv.linelog.store.sealing.retain import MOST_AT_ONCE
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.sealing.sealer import EMPTY_KEPT
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.starting.tidy import check_or_rebuild_index
from logsrv.linelog.store.store import Store
from logsrv.linelog.store.words.build import LEAST_TEXT
from tests.linelog.store.conftest import segments
from tests.parts.clocks import HandClock
from tests.parts.disks import (
    FaultyDisk,
    Hang,
    at,
    batch,
    no_space,
    packed_segment,
    stored,
    text_of,
    write,
)
from tests.parts.examined_stores import found, kinds
from tests.parts.reactor import until


def full_for_the_sealer() -> None:
    """Leave no room to the thread that seals."""
    if threading.current_thread().name == "store-seal":
        raise no_space()


async def test_a_segment_that_cannot_be_compressed_stays_and_is_compressed_later(
    open_store, disk, metrics
):
    store = open_store(disk, metrics=metrics)
    await write(store, b"one")
    disk.before["writev"] = full_for_the_sealer
    with capturedLogs() as events:
        store.rotate()
        await until(lambda: any("trying again later" in event["log_format"] for event in events))
    # It may be at it once more by now.
    only = ["0000000001-20261120T061842Z.log"]
    await until(lambda: [path.name for path in store.directory.glob("0*")] == only)
    assert text_of(store.directory) == stored(b"one")
    assert metrics.value("store_waiting_segments") == 1
    assert metrics.value("store_waiting_bytes") == len(stored(b"one"))
    del disk.before["writev"]
    store.apply(StorePolicy())
    await until(lambda: list(store.directory.glob("*.idx")))
    await until(lambda: metrics.value("store_waiting_segments") == 0)
    await store.close()
    assert text_of(store.directory) == stored(b"one")
    assert not list(store.directory.glob("*Z.log"))


async def test_a_segment_that_is_cut_while_it_waits_is_compressed_and_told_of(open_store, disk):
    store = open_store(disk)
    await write(store, b"one", b"two")
    disk.before["writev"] = full_for_the_sealer
    with capturedLogs() as events:
        store.rotate()
        await until(lambda: any("trying again later" in event["log_format"] for event in events))
        [waiting] = store.directory.glob("0*.log")
        os.truncate(waiting, len(stored(b"one")))
        del disk.before["writev"]
        store.apply(StorePolicy())
        await until(lambda: any("has cut it" in event["log_format"] for event in events))
    await until(lambda: list(store.directory.glob("*.zst")))
    await store.close()
    assert text_of(store.directory) == stored(b"one")
    assert "missing" in kinds(found(store.directory))


async def test_a_reader_has_a_segment_that_the_sealing_thread_is_told_of_just_now(
    open_store, clock
):
    """In between it was in neither list: a query of that moment lacked its lines."""

    class ReadMeanwhile(FaultyDisk):
        """Notes what a reader is given while a segment is measured."""

        def stat_or_none(self, name: str) -> os.stat_result | None:
            if threading.current_thread().name == "store-seal" and name.endswith("Z.log"):
                given.append([one.number for one in store.sealed_segments()])
            return super().stat_or_none(name)

    given: list[list[int]] = []
    store = open_store(ReadMeanwhile(), clock=clock)
    clock.settle()
    await write(store, b"one")
    store.rotate()
    await until(lambda: list(store.directory.glob("*.idx")))
    clock.settle()
    assert given and all(one == [1] for one in given)


class BusyClock(HandClock):
    """A clock whose threads begin with their work as soon as they are woken, if `at_once` is set.

    woken: called before a thread is woken.
    """

    at_once = False
    woken: Callable[[], object] = bool

    def event(self) -> threading.Event:
        made = super().event()
        wake = made.set

        def set_and_wait() -> None:
            self.woken()
            wake()
            if self.at_once:
                self.settle()

        made.set = set_and_wait  # type: ignore[method-assign]
        return made


async def test_a_segment_is_there_before_the_thread_that_seals_it_is_woken(open_store):
    """Otherwise that thread may look in vain, and looks again only after a minute."""
    clock, there = BusyClock(), list[list[int]]()
    store = open_store(clock=clock)
    clock.settle()
    await write(store, b"one")
    clock.woken = lambda: there.append([one.number for one in store.sealed_segments()])
    store.rotate()
    await until(lambda: list(store.directory.glob("*.idx")))
    assert there[0] == [1]


async def test_who_is_told_of_a_sealing_finds_the_packed_segment(open_store):
    """Otherwise its columns are made a minute later."""
    forms: list[list[Form]] = []

    def note() -> None:
        forms.append([one.form for one in store.sealed_segments()])

    store = open_store(after_sealing=note)
    await write(store, b"one")
    store.rotate()
    await until(lambda: forms)
    assert forms == [[Form.PACKED]]


async def test_what_others_change_is_seen_as_soon_as_somebody_says_so(open_store, metrics):
    clock = BusyClock()
    store = open_store(clock=clock, metrics=metrics)
    await write(store, b"one")
    store.rotate()
    await write(store, b"two")
    await until(lambda: metrics.value("store_waiting_segments") == 0)
    clock.settle()
    for path in store.directory.glob("0*"):
        path.unlink()
    clock.at_once = True
    store.reopen()
    clock.at_once = False
    assert metrics.value("store_segments") == 1


class SlowListing(FaultyDisk):
    """A disk whose listing takes long for the thread that seals. meanwhile: called once before its end."""

    meanwhile: Callable[[], object] | None = None

    def entries(self) -> dict[str, bool]:
        found = super().entries()
        if self.meanwhile is not None and threading.current_thread().name == "store-seal":
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return found


async def test_a_segment_that_comes_back_while_others_are_listed_is_seen_at_the_next_look(
    open_store, metrics, tmp_path
):
    """Otherwise it is seen only when something else changes, and retention does not count it."""
    # So late that each change is told by the time of the directory.
    disk, clock = SlowListing(), BusyClock(time_of_day=time.time() + DAY)
    store = open_store(disk, clock=clock, metrics=metrics)
    await segments(store, metrics, packed=2)
    clock.settle()
    away = [path.rename(tmp_path / path.name) for path in store.directory.glob("0000000001-*")]
    clock.advance(sealer.LOOK_EVERY)
    assert metrics.value("store_segments") == 2
    disk.meanwhile = lambda: [path.rename(store.directory / path.name) for path in away]
    clock.at_once = True
    store.reopen()
    clock.at_once = False
    assert disk.meanwhile is None and metrics.value("store_segments") == 2
    clock.advance(sealer.LOOK_EVERY)
    assert metrics.value("store_segments") == 3


async def test_retention_runs_after_each_seal(open_store):
    store = open_store(rotate_size=1, keep_bytes=1)
    for number in range(3):
        await write(store, b"%d" % number)
    await until(lambda: store.position == (4, 0))
    await until(lambda: not list(store.directory.glob("0*")))
    await store.close()
    assert open_store().position == (4, 0)


async def test_a_policy_that_keeps_more_counts_at_once_while_many_segments_are_removed(
    open_store, disk, metrics, tmp_path
):
    """They are removed some at a time, and the operator wants to keep the others now."""
    for number in range(1, MOST_AT_ONCE + 9):
        packed_segment(tmp_path, stored(b"one"), number)
    store = open_store(disk, metrics=metrics, directory=tmp_path)
    disk.before["unlink"] = removal = Hang()
    store.apply(StorePolicy(keep_bytes=1))
    await until(removal.begun.is_set)
    store.apply(StorePolicy())
    removal.go.set()
    # Sealed after the removals.
    await write(store, b"last")
    store.rotate()
    await until(lambda: metrics.value("segments_sealed_total") == 1)
    assert metrics.value("segments_removed_total") == MOST_AT_ONCE
    assert len(list(tmp_path.glob("0*.zst"))) == 9


async def test_segments_that_a_target_does_not_have_stay_until_it_does(open_store):
    """And one that goes all the same, for it is too much, is told as an error."""
    store = open_store(rotate_size=1, keep_bytes=1)
    store.hold([Hold("centre", 2, 1 << 30)])
    with capturedLogs() as events:
        for number in range(3):
            await write(store, b"%d" % number)
        await until(lambda: sum("removed" in event["log_format"] for event in events) == 1)
        assert not list(store.directory.glob("0*1-*"))
        await until(lambda: len(list(store.directory.glob("0*.zst"))) == 2)
        store.hold([Hold("centre", 3, 1), Hold("second", 2, 1)])
        store.apply(StorePolicy(rotate_size=1, keep_bytes=1))
        await until(lambda: sum("removed" in event["log_format"] for event in events) == 3)
    assert not list(store.directory.glob("0*"))
    said = [formatEvent(event) for event in events if "removed" in event["log_format"]]
    assert "shipped" not in said[0]
    assert "before all of its lines were shipped to second" in said[1]
    assert "before all of its lines were shipped to centre, second" in said[2]


async def test_a_segment_that_fits_once_it_is_compressed_is_not_removed_before(open_store, metrics):
    store = open_store(metrics=metrics, rotate_size=200_000, keep_bytes=100_000)
    lines = [b"x" * 1000] * 300
    store.append(batch(*lines))
    await until(lambda: metrics.value("segments_sealed_total") or store.troubles())
    await until(lambda: not list(store.directory.glob("*Z.log")))
    await store.close()
    assert metrics.value("segments_removed_total") == 0
    assert text_of(store.directory) == stored(*lines)


class LateNumber(FaultyDisk):
    """A disk that does not take the number of the active segment before `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.late: Hang | None = None

    def overwrite_start(self, name: str, data: bytes, *, sync: bool) -> None:
        if name == "number" and self.late is not None:
            self.late()
        super().overwrite_start(name, data, sync=sync)


async def test_uncompressed_segments_are_removed_at_once_also_when_the_writer_is_slow(
    open_store, clock
):
    """A full disk gets room. Before the next number is on it none goes; the next look is a minute later."""
    disk = LateNumber()
    disk.before["writev"] = full_for_the_sealer
    store = open_store(disk, clock=clock, keep_bytes=1000)
    late = disk.late = Hang()
    store.append(batch(b"x" * 2000))
    store.rotate()
    await until(late.begun.is_set)
    late.go.set()
    clock.settle()
    assert store.position == (2, 0) and not list(store.directory.glob("0*"))


async def retained(store: Store, turns: list[int]) -> None:
    """Wait until the store has looked for old segments from beginning to end."""
    before = len(turns)
    store.apply(StorePolicy(keep_days=1))
    await until(lambda: len(turns) > before)
    store.apply(StorePolicy(keep_days=1))
    await until(lambda: len(turns) > before + 1)


async def test_a_clock_that_jumps_years_ahead_removes_nothing(open_store):
    """Neither in a running server nor in one that is started then."""
    clock, turns = HandClock(), list[int]()
    disk = FaultyDisk()
    disk.before["entries"] = lambda: turns.append(1)
    store = open_store(disk, clock=clock, rotate_size=1, keep_days=1)
    store.append(batch(b"one"))
    await until(lambda: list(store.directory.glob("*.idx")))
    with capturedLogs() as events:
        clock.set_ahead(3650 * DAY)
        for _ in range(2):
            await retained(store, turns)
        said = [e for e in events if "days ahead of the expected time" in e["log_format"]]
    assert len(said) == 1
    await store.close()
    disk = FaultyDisk()
    disk.before["entries"] = lambda: turns.append(1)
    with capturedLogs() as events:
        store = open_store(disk, clock=clock, keep_days=1)
        await retained(store, turns)
        said = [e for e in events if "days ahead of the expected time" in e["log_format"]]
    assert len(said) == 1
    assert text_of(store.directory) == stored(b"one")


async def test_each_day_the_segment_that_is_too_old_goes(open_store, clock, monkeypatch):
    """Rotated each day, and kept for three days since the last line."""
    monkeypatch.setattr(active, "LEAST_BY_AGE", 1)
    store = open_store(clock=clock, rotate_every=DAY, keep_days=3)
    numbers = []
    for _ in range(7):
        written = clock.time_of_day()
        store.append(Batch(Block.of(b"one\n"), "tcp:1", written))
        clock.settle()
        os.utime(store.directory / "current.log", (written, written))
        clock.advance(DAY)
        clock.advance(sealer.LOOK_EVERY)
        numbers.append(sorted(int(path.name[:10]) for path in store.directory.glob("*.zst")))
    assert numbers == [[1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6], [6, 7]]


async def test_a_lock_file_with_a_time_no_calendar_has_does_not_stop_the_sealing(
    open_store, tmp_path
):
    (tmp_path / "lock").touch()
    os.utime(tmp_path / "lock", (0, -1e12))
    store = open_store(directory=tmp_path, keep_days=1)
    store.append(batch(b"one"))
    store.rotate()
    await until(lambda: list(tmp_path.glob("*.idx")))


@pytest.mark.parametrize("least", [LEAST_TEXT, 1 << 30])
@pytest.mark.parametrize("indexing", Indexing)
async def test_words_are_indexed_unless_the_policy_says_not_to_or_the_text_is_small(
    open_store, indexing, least, monkeypatch
):
    monkeypatch.setattr(sealer, "LEAST_TEXT", least)
    store = open_store(index=indexing)
    draw = random.Random(1)
    lines = (b"%016x came from 10.1.2.%d" % (draw.getrandbits(64), at % 250) for at in range(9000))
    store.append(batch(*lines))
    store.rotate()
    await until(lambda: list(store.directory.glob("*.zst")))
    await store.close()
    wanted = indexing is Indexing.WORDS and least < 1 << 30
    assert bool(list(store.directory.glob("*.words"))) == wanted


async def test_a_segment_that_cannot_be_read_keeps_no_other_from_being_sealed(open_store, tmp_path):
    for number in (1, 2, 3):
        name = f"000000000{number}-20261120T061842Z.log"
        (tmp_path / name).write_bytes(stored(b"%d" % number))
    (tmp_path / "0000000002-20261120T061842Z.log.zst").mkdir()
    store = open_store(directory=tmp_path)
    await until(lambda: len(list(tmp_path.glob("*.idx"))) == 2)
    await until(lambda: "is there already" in store.troubles().get("seal", ""))
    assert (tmp_path / "0000000002-20261120T061842Z.log").exists()


class SlowLook(FaultyDisk):
    """A disk on which the first look at a sealed segment takes as long as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.look = Hang()

    def stat_or_none(self, name: str) -> os.stat_result | None:
        if name.startswith("0000000001-"):
            self.look()
        return super().stat_or_none(name)


async def test_a_segment_that_is_left_while_another_is_looked_at_is_sealed_as_well(open_store):
    disk = SlowLook()
    store = open_store(disk)
    with capturedLogs() as events:
        await write(store, b"one")
        store.rotate()
        await until(disk.look.begun.is_set)
        await write(store, b"two")
        store.rotate()
        await until(lambda: len(store.sealed_segments()) == 2)
        disk.look.go.set()
        await until(lambda: len(list(store.directory.glob("*.zst"))) == 2)
    assert [formatEvent(one) for one in events if one["log_level"].name == "error"] == []
    assert text_of(store.directory) == stored(b"one", b"two")


async def test_a_failed_sealing_is_not_tried_again_while_indexes_are_checked(
    open_store, monkeypatch
):
    """After a start with 20,000 segments it would be 200 times in ten seconds."""
    monkeypatch.setattr(sealer, "INDEXES_AT_ONCE", 1)
    metrics, tries, seen = Metrics(METRICS), list[str](), list[str]()
    store = open_store(metrics=metrics)
    await segments(store, metrics, packed=6)
    await store.close()
    name = "0000000007-20261120T061842Z.log"
    (store.directory / "current.log").rename(store.directory / name)
    (store.directory / name).write_bytes(stored(b"seven"))
    (store.directory / f"{name}.zst").mkdir()

    def counted_seal(plain: Segment, *others: Any, **named: Any) -> object:
        tries.append(plain.name)
        return seal(plain, *others, **named)

    def look(packed: Segment, *others: Any) -> None:
        check_or_rebuild_index(packed, *others)
        seen.append(packed.name)

    monkeypatch.setattr(sealer, "seal", counted_seal)
    monkeypatch.setattr(sealer, "check_or_rebuild_index", look)
    again = open_store(directory=store.directory)
    await until(lambda: len(seen) == 6)
    assert tries == [name]
    assert "seal" in again.troubles()


async def test_nothing_is_sealed_whose_names_cannot_be_synced(open_store, disk):
    """Else a power cut may leave its lines in current.log as well."""
    store = open_store(disk)
    await write(store, b"one")

    def only_the_writer() -> None:
        if threading.current_thread().name != "store-write":
            raise OSError(5, "Input/output error")

    disk.before["sync_directory"] = only_the_writer
    store.rotate()
    await until(lambda: {"seal", "sync"} <= set(store.troubles()))
    assert [path.name for path in store.directory.glob("0*")] == ["0000000001-20261120T061842Z.log"]
    del disk.before["sync_directory"]
    store.reopen()
    await until(lambda: len(list(store.directory.glob("*.idx"))) == 1)


def make_empty(directory: Path, segments: int) -> None:
    """Make segments without lines, as starts after a crash leave them."""
    for number in range(1, segments + 1):
        (directory / f"{number:010}-20261120T061842Z.log").touch()


async def test_empty_segments_stay_for_followers_and_not_for_ever(open_store, disk, tmp_path):
    make_empty(tmp_path, 30)
    # Nothing but their names tells how far the numbers have come.
    disk.before["unlink"] = lambda: (tmp_path / "number").unlink(missing_ok=True)
    store = open_store(disk, directory=tmp_path)
    assert store.position == (31, 0)
    numbers = range(31 - EMPTY_KEPT, 31)
    names = {f"{number:010}-20261120T061842Z.log" for number in numbers}
    await until(lambda: {path.name for path in tmp_path.glob("0*")} == names)
    assert not store.troubles()
    # A follower that comes late misses nothing there.
    with at(tmp_path) as noted:
        assert runs_of_empty_segments(noted) == [range(1, 31 - EMPTY_KEPT)]
