"""The store as a whole: what is appended is on disk, once and in order, whatever the disk does."""

import os
import stat
import threading
import time

import pytest
from twisted.internet.defer import gatherResults
from twisted.logger import LogLevel, capturedLogs

from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.policy import StorePolicy, Sync
from tests.linelog.store.conftest import closed
from tests.parts.clocks import EagerReactor
from tests.parts.disks import FaultyDisk, Sender, batch, no_space, stored, text_of, write
from tests.parts.reactor import until


@pytest.mark.parametrize("sync", list(Sync))
async def test_a_line_is_in_current_log_when_durable_fires(open_store, sync):
    store = open_store(sync=sync)
    await write(store, b"hello, world", b"")
    assert (store.directory / "current.log").read_bytes() == stored(b"hello, world", b"")
    assert store.position == (1, len(stored(b"hello, world", b"")))


async def test_files_are_0640_and_the_directory_0750_whatever_the_umask(open_store):
    before = os.umask(0o077)
    try:
        store = open_store(rotate_size=1)
        store.append(batch(b"one"))
        await until(lambda: list(store.directory.glob("*.idx")))
    finally:
        os.umask(before)
    await store.close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.directory.iterdir()}
    assert set(modes.values()) == {0o640}, modes
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o750


async def test_a_full_disk_pauses_senders_and_loses_nothing(open_store, disk, clock):
    store = open_store(disk, clock=clock)
    sender = Sender()
    store.valve.add(sender)
    disk.room = 100
    with capturedLogs() as events:
        for number in range(50):
            store.append(batch(b"number %d" % number))
        waiting = store.durable()
        await until(lambda: sender.told == ["pause"])
        assert store.stalled == "No space left on device"
        assert store.troubles() == {"write": "No space left on device"}
        assert not waiting.called
        disk.room = None
        clock.advance(1)
        await waiting
        await until(lambda: sender.told == ["pause", "resume"])
        await until(lambda: any("writing again" in event["log_format"] for event in events))
    assert store.accepts and not store.troubles()
    assert text_of(store.directory) == stored(*(b"number %d" % number for number in range(50)))
    said = [event["log_format"] for event in events if event["log_level"] >= LogLevel.info]
    assert len(said) == 2 and "cannot write" in said[0] and "writing again" in said[1]


async def test_senders_are_paused_above_high_water_and_resumed_below_low_water(open_store):
    disk, go = FaultyDisk(), threading.Event()
    store = open_store(disk, high_water=10_000, low_water=1_000)
    disk.before["writev"] = lambda: go.wait(PATIENCE)
    sender, late = Sender(), Sender()
    store.valve.add(sender)
    while not store.valve.closed:
        store.append(batch(b"x" * 500))
        assert store.pending < 12_000
    assert sender.told == ["pause"] and store.stalled is None
    store.valve.add(late)
    assert late.told == ["pause"]
    go.set()
    await until(lambda: not store.valve.closed)
    assert sender.told == late.told == ["pause", "resume"]
    assert store.pending < 1_000


async def test_senders_never_stay_paused_when_the_writer_is_as_fast_as_they_are(open_store):
    store = open_store(high_water=2_000, low_water=1_000)
    for _ in range(300):
        while not store.valve.closed:
            store.append(batch(b"x" * 700))
        await until(lambda: not store.valve.closed)


async def test_one_sync_serves_everyone_who_waits(open_store):
    disk, go = FaultyDisk(), threading.Event()
    store = open_store(disk, sync=Sync.ALWAYS)
    disk.before["fdatasync"] = lambda: go.wait(PATIENCE)
    waiting = []
    for number in range(200):
        store.append(batch(b"number %d" % number))
        waiting.append(store.durable())
    before = disk.calls.count("fdatasync")
    go.set()
    await gatherResults(waiting)
    assert disk.calls.count("fdatasync") - before <= 2


async def test_nothing_is_acknowledged_that_could_not_be_synced_and_later_lines_are(
    open_store, disk, metrics
):
    store = open_store(disk, metrics, sync=Sync.ALWAYS)
    disk.errors["fdatasync"] = OSError(5, "Input/output error")
    store.append(batch(b"doubtful"))
    with pytest.raises(StoreError, match="could not be synced to the disk: Input/output error"):
        await store.durable()
    with pytest.raises(StoreError):
        await store.durable()
    del disk.errors["fdatasync"]
    await write(store, b"fine")
    assert text_of(store.directory) == stored(b"doubtful", b"fine")
    assert metrics.value("store_errors_total") >= 1


async def test_who_looks_as_a_sync_fails_is_told_of_that_failure(open_store, disk, clock):
    """Not with the next one, which may be a success or never come."""
    store = open_store(disk, clock=clock, using=EagerReactor(), sync=Sync.ALWAYS)
    clock.settle()
    disk.errors["fdatasync"] = OSError(5, "Input/output error")
    failed: list[str] = []
    store.append(batch(b"doubtful"))
    store.durable().addErrback(lambda failure: failed.append(failure.getErrorMessage()))
    clock.settle()
    told = [*failed]
    del disk.errors["fdatasync"]
    await closed(store)
    assert told == ["lines could not be synced to the disk: Input/output error"]


async def test_what_is_acknowledged_at_its_end_was_synced_from_its_beginning_on(open_store, disk):
    """A request takes several turns: a sync that failed in the first of them is not forgotten."""
    store = open_store(disk, sync=Sync.ALWAYS)
    await write(store, b"of somebody else")
    since = store.appended
    disk.errors["fdatasync"] = OSError(5, "Input/output error")
    store.append(batch(b"the first line of a request"))
    await until(lambda: "sync" in store.troubles())
    del disk.errors["fdatasync"]
    store.append(batch(b"its last line"))
    with pytest.raises(StoreError, match="could not be synced"):
        await store.durable(since)
    await store.durable()


async def test_durable_fires_in_the_order_of_the_calls(open_store):
    """Also where the second asks when both are safe, and the reactor has not heard of it yet."""
    disk, go = FaultyDisk(), threading.Event()
    store = open_store(disk, sync=Sync.ALWAYS)
    disk.before["fdatasync"] = lambda: go.wait(PATIENCE)
    told: list[int] = []
    store.append(batch(b"one"))
    store.durable().addCallback(lambda _: told.append(1))
    go.set()
    deadline = time.monotonic() + PATIENCE
    while store._writer.confirmed < store.appended:
        assert time.monotonic() < deadline
    store.durable().addCallback(lambda _: told.append(2))
    await store.durable()
    assert told == [1, 2]


async def test_too_many_waiting_acknowledgements_pause_the_senders(open_store, monkeypatch):
    monkeypatch.setattr("logsrv.linelog.store.store.MOST_WAITING", 10)
    disk, go = FaultyDisk(), threading.Event()
    store, sender = open_store(disk, sync=Sync.ALWAYS), Sender()
    disk.before["fdatasync"] = lambda: go.wait(PATIENCE)
    store.valve.add(sender)
    store.append(batch(b"one"))
    waiting = [store.durable() for _ in range(10)]
    assert sender.told == []
    waiting.append(store.durable())
    assert sender.told == ["pause"]
    go.set()
    await gatherResults(waiting)
    await until(lambda: sender.told == ["pause", "resume"])


def test_a_second_store_on_the_directory_is_refused_with_a_sentence(open_store):
    store = open_store()
    with pytest.raises(StoreError, match=rf"in use by process {os.getpid()}\b"):
        open_store()
    assert store.accepts and not store.troubles()


def test_a_directory_that_cannot_be_made_is_refused_with_a_sentence(tmp_path, open_store):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used: Not a directory"):
        open_store(directory=tmp_path / "file" / "store")


async def test_a_new_policy_holds_from_the_next_line_on(open_store, disk):
    store = open_store(disk, sync=Sync.NEVER)
    disk.calls.clear()
    await write(store, b"unsynced")
    assert "fdatasync" not in disk.calls
    store.apply(StorePolicy(sync=Sync.ALWAYS))
    await write(store, b"synced")
    assert "fdatasync" in disk.calls


def test_a_policy_that_keeps_less_than_one_segment_is_said_once(open_store):
    strange = StorePolicy(rotate_size=2000, keep_bytes=1000)
    with capturedLogs() as events:
        store = open_store(rotate_size=2000, keep_bytes=1000, rotate_every=strange.rotate_every)
        store.apply(strange)
        store.apply(StorePolicy(rotate_size=2000, keep_bytes=2000))
        store.apply(strange)
    said = [e for e in events if e.get("option") == "--keep-bytes"]
    assert [(e["keep"], e["rotate"]) for e in said] == [(1000, 2000)] * 2


async def test_the_metrics_show_what_was_written(open_store, metrics):
    store = open_store(metrics=metrics, rotate_size=1)
    await write(store, b"one")
    assert metrics.value("stored_bytes_total") == len(stored(b"one"))
    assert metrics.value("pending_bytes") == metrics.value("store_stalled") == 0
    await until(lambda: metrics.value("segments_sealed_total") == 1)
    await until(lambda: not list(store.directory.glob("*Z.log")))
    files = [path.stat().st_size for path in store.directory.glob("0*")]
    await write(store, b"two")
    await until(lambda: metrics.value("store_bytes") > sum(files))


def counted(metrics: Metrics, name: str) -> int:
    """How many durations are in a histogram."""
    [found] = [one for metric, _, one in metrics.distributions() if metric.name == name]
    return sum(found.counts)


async def test_lines_are_counted_as_written_only_when_they_are(open_store, disk, metrics, clock):
    """Seven bytes at a time, and a disk that is full in the middle of a line: each line is one."""
    store = open_store(disk, clock=clock, metrics=metrics)
    disk.limit, disk.room = 7, 100
    assert store.append(batch(b"one", b"two", b"three")) == 3
    # The reactor hears of it a moment later.
    await until(lambda: store.stalled and store.valve.closed)
    assert metrics.value("stored_lines_total") == 0 == counted(metrics, "write_seconds")
    assert metrics.value("store_trouble", kind="write") == 1
    assert metrics.value("senders_paused") == 1
    disk.room = None
    clock.advance(1)
    assert store.append(batch(b"four")) == 1
    await store.durable()
    assert metrics.value("stored_lines_total") == 4
    assert 1 <= counted(metrics, "write_seconds") <= 2
    assert metrics.value("store_trouble") == 0


async def test_each_group_each_sync_and_each_seal_is_timed_once(open_store, metrics):
    store = open_store(metrics=metrics, sync=Sync.ALWAYS)
    for number in range(3):
        await write(store, b"%d" % number)
    assert counted(metrics, "write_seconds") == counted(metrics, "sync_seconds") == 3
    assert counted(metrics, "seal_seconds") == 0
    store.rotate()
    # The old file is synced once more by the thread that closes it.
    await until(lambda: counted(metrics, "sync_seconds") == 4)
    await until(lambda: counted(metrics, "seal_seconds") == 1)
    assert metrics.value("store_syncs_total") == 4


@pytest.mark.parametrize(
    ("kind", "call", "thread"),
    [
        ("write", "writev", "store-write"),
        ("sync", "fdatasync", "store-sync"),
        ("seal", "fdatasync", "store-seal"),
        ("rotate", "create", "store-write"),
        ("remove", "unlink", "store-seal"),
    ],
)
async def test_each_kind_of_trouble_is_shown_with_its_reason_while_it_lasts(
    open_store, disk, metrics, kind, call, thread, clock
):
    store = open_store(disk, clock=clock, metrics=metrics)

    def fail() -> None:
        if threading.current_thread().name == thread:
            raise no_space()

    if kind == "remove":
        store.append(batch(b"old"))
        store.rotate()
        clock.settle()
    disk.before[call] = fail
    if kind == "remove":
        store.apply(StorePolicy(keep_bytes=1))
    else:
        store.append(batch(b"one"))
        store.rotate()
    clock.settle()
    assert store.troubles()[kind].endswith("No space left on device")
    assert metrics.value("store_trouble", kind=kind) == 1
    del disk.before[call]
    store.append(batch(b"two"))
    store.rotate()
    clock.advance(1)
    clock.advance(60)
    assert not store.troubles()
    assert metrics.value("store_trouble") == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotate_size": 0},
        {"rotate_every": -1.0},
        {"rotate_every": float("nan")},
        {"keep_bytes": 0},
        {"keep_days": 0.0},
        {"low_water": 2, "high_water": 1},
    ],
)
def test_a_value_that_makes_no_sense_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StorePolicy(**wrong)
