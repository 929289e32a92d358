"""Syncing beside the writer; each waits for its own lines, no more and no less."""

import errno
import os
import threading
from collections import deque
from queue import Empty
from typing import Any

import pytest
from twisted.logger import capturedLogs

from logsrv.errors import StoreError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store import writer
from logsrv.linelog.store.durable import DurableWaiters, SyncFailure
from logsrv.linelog.store.notes.segment_notes import waiting_sizes
from logsrv.linelog.store.policy import StorePolicy, Sync
from logsrv.linelog.store.sealing.sealer import Sealer
from logsrv.linelog.store.segment import Position, Segment, synced_position
from logsrv.linelog.store.store import Store
from tests.parts.clocks import ClockQueue
from tests.parts.disks import Hang, at, batch, stored, text_of, write
from tests.parts.reactor import until


def told_of(waiters: DurableWaiters, totals: list[int]) -> list[tuple[int, str]]:
    """What those who wait for `totals` are told, in order, as it happens."""
    told: list[tuple[int, str]] = []

    def ask(total: int) -> None:
        waiters.add(total).addCallbacks(
            lambda _: told.append((total, "safe")),
            lambda failure: told.append((total, str(failure.value))),
        )

    for total in totals:
        ask(total)
    return told


def test_deferreds_of_safe_lines_fire_and_the_others_wait():
    waiters = DurableWaiters()
    told = told_of(waiters, [10, 20, 30])
    waiters.fire_reached(20)
    assert told == [(10, "safe"), (20, "safe")]
    waiters.fire_reached(30)
    assert told == [(10, "safe"), (20, "safe"), (30, "safe")]


def test_a_failed_sync_fails_its_own_lines_only():
    waiters = DurableWaiters()
    told = told_of(waiters, [10, 20, 30])
    waiters.apply_sync_failure(SyncFailure(10, 20, "broken"))
    waiters.fire_reached(30)
    sentence = "lines could not be synced to the disk: broken"
    assert told == [(10, "safe"), (20, sentence), (30, "safe")]


def test_a_deferred_made_after_the_failed_sync_fails_as_well():
    waiters = DurableWaiters()
    waiters.apply_sync_failure(SyncFailure(10, 20, "broken"))
    assert waiters.add(20).called
    waiters.add(20).addErrback(lambda failure: failure.trap(StoreError))
    assert not waiters.add(21).called


def test_a_failed_sync_of_the_first_line_fails_the_acknowledgement_of_all():
    """Whoever asks for several at once, before the failure or after it, does not get an acknowledgement."""
    waiters = DurableWaiters()
    before = [waiters.add(30, since) for since in (5, 19, 20)]
    waiters.apply_sync_failure(SyncFailure(10, 20, "broken"))
    assert [one.called for one in before] == [True, True, False]
    after = [waiters.add(40, since) for since in (19, 20)]
    assert [one.called for one in after] == [True, False]
    waiters.fire_reached(40)
    for one in (*before[:2], after[0]):
        one.addErrback(lambda failure: failure.trap(StoreError))
    assert before[2].result is None and after[1].result is None


def test_giving_up_fails_all_deferreds():
    waiters = DurableWaiters()
    waiting = [waiters.add(1), waiters.add(2)]
    waiters.fail_all(StoreError("closed"))
    for one in waiting:
        assert one.called
        one.addErrback(lambda failure: failure.trap(StoreError))


async def test_a_sync_that_fails_while_the_reactor_looks_is_not_passed_over_for_the_next(
    open_store, disk, monkeypatch
):
    """It finds no failure, and then that later lines are safe."""
    begun, held, go, later = (threading.Event() for _ in range(4))

    class Failures(deque[object]):
        def __bool__(self) -> bool:
            found = len(self) > 0
            if held.is_set() and not go.is_set():
                go.set()
                later.wait(PATIENCE)
            return found

    def sync() -> None:
        if not begun.is_set():
            begun.set()
        elif not held.is_set():
            held.set()
            go.wait(PATIENCE)
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(writer, "deque", Failures)
    store = open_store(disk, sync=Sync.ALWAYS)
    disk.before = {"fdatasync": sync, "create": later.set}
    store.append(batch(b"safe"))
    before = store.durable()
    begun.wait(PATIENCE)
    store.append(batch(b"lost"))
    waiting = store.durable()
    held.wait(PATIENCE)
    store.append(batch(b"later"))
    # It is done when that is safe, and makes a file.
    store.rotate()
    with pytest.raises(StoreError, match="could not be synced"):
        await waiting
    await before


def place_of(store: Store) -> Position:
    """Return how far all is on the medium, as it was written down."""
    with at(store.directory) as disk:
        return synced_position(disk)


async def test_a_sync_that_takes_long_does_not_keep_lines_from_the_file(open_store, disk, clock):
    store = open_store(disk, clock=clock, sync=Sync.INTERVAL)
    store.append(batch(b"one"))
    clock.settle()
    slow = disk.before["fdatasync"] = Hang()
    clock.advance(1, settle=False)
    await until(slow.begun.is_set)
    await write(store, b"two")
    assert text_of(store.directory) == stored(b"one", b"two")
    del disk.before["fdatasync"]
    slow.go.set()
    clock.settle()
    # What was written meanwhile may be on the medium or not.
    assert place_of(store) == (1, len(stored(b"one")))
    clock.advance(1)
    assert place_of(store) == (1, len(stored(b"one", b"two")))


@pytest.mark.parametrize("sync", list(Sync))
async def test_a_segment_whose_sync_takes_long_is_among_the_sealed_ones(
    open_store, disk, clock, sync
):
    """The numbers of the page would else lack its lines until it is on the medium."""
    store = open_store(disk, clock=clock, sync=sync)
    await write(store, b"one")
    clock.settle()
    seen: list[tuple[int, list[int]]] = []

    def look() -> None:
        position = store.position.segment
        seen.append((position, [one.number for one in store.sealed_segments()]))

    disk.before.update(fdatasync=look, sync_directory=look)
    store.rotate()
    await until(lambda: list(store.directory.glob("*.idx")))
    clock.settle()
    look()
    assert seen[-1] == (2, [1])
    assert [numbers for position, numbers in seen if position == 2 and numbers != [1]] == []


async def test_a_segment_is_among_the_sealed_ones_until_the_thread_that_seals_has_it(
    open_store, clock, monkeypatch
):
    """The numbers of the page would else lack its lines for a moment."""
    seen: list[list[int]] = []
    real = Sealer.seal_soon

    def note_and_take(sealer: Sealer, left: Segment | None) -> None:
        seen.append([one.number for one in store.sealed_segments()])
        real(sealer, left)
        seen.append([one.number for one in store.sealed_segments()])

    monkeypatch.setattr(Sealer, "seal_soon", note_and_take)
    store = open_store(clock=clock)
    clock.settle()
    await write(store, b"one")
    store.rotate()
    await until(lambda: list(store.directory.glob("*.idx")))
    clock.settle()
    assert seen == [[1], [1]]


async def test_a_sync_that_fails_is_said_once_and_tried_again(open_store, disk, clock):
    store = open_store(disk, clock=clock, sync=Sync.INTERVAL)
    disk.calls.clear()
    disk.errors["fdatasync"] = OSError(5, "Input/output error")
    with capturedLogs() as events:
        store.append(batch(b"one"))
        for _ in range(3):
            clock.advance(1)
        assert disk.calls.count("fdatasync") == 3
        del disk.errors["fdatasync"]
        clock.advance(1)
        await until(lambda: any("synced again" in event["log_format"] for event in events))
    assert len([event for event in events if "cannot be synced" in event["log_format"]]) == 1


async def test_a_store_is_synced_once_a_second_and_not_while_it_is_idle(open_store, disk, clock):
    store = open_store(disk, clock=clock, sync=Sync.INTERVAL)
    # A new file is synced once by itself.
    clock.advance(1)
    assert place_of(store) == (1, 0)
    disk.calls.clear()
    store.append(batch(b"one"))
    clock.advance(0.9)
    assert "fdatasync" not in disk.calls
    clock.advance(0.1)
    assert disk.calls.count("fdatasync") == 1
    for _ in range(60):
        clock.advance(1)
    assert disk.calls.count("fdatasync") == 1
    for number in range(60):
        store.append(batch(b"%d" % number))
        clock.advance(1)
    assert disk.calls.count("fdatasync") == 61


async def test_a_segment_is_synced_when_another_takes_its_place(open_store, disk, clock):
    store = open_store(disk, clock=clock, sync=Sync.INTERVAL)
    old = (store.directory / "current.log").stat().st_ino
    store.append(batch(b"one"))
    store.rotate()
    clock.settle()
    assert old in disk.synced


async def test_how_far_all_is_on_the_medium_is_written_down(open_store, clock):
    store = open_store(clock=clock, sync=Sync.INTERVAL)
    store.append(batch(b"one"))
    clock.advance(1)
    assert place_of(store) == (1, len(stored(b"one")))
    store.rotate()
    store.append(batch(b"two"))
    clock.advance(1)
    assert place_of(store) == (2, len(stored(b"two")))


class LateQueue(ClockQueue):
    """A queue that may say that it is empty though something was put there while its reader woke."""

    late = True

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if self.late:
            self._clock.wait(lambda: not self.late, timeout)
        if self.late:
            raise Empty
        return super().get(block, timeout)

    def arrive(self) -> None:
        self.late = False
        self._clock.change(lambda: None)


@pytest.mark.parametrize("later", [Sync.INTERVAL, Sync.ALWAYS])
async def test_no_place_is_written_down_before_the_segments_in_front_of_it_are_synced(
    open_store, disk, clock, monkeypatch, later
):
    left, real = LateQueue(clock), clock.queue
    # The first is that of the segments that were left.
    queues = iter((left, real()))
    monkeypatch.setattr(clock, "queue", lambda: next(queues))
    store = open_store(disk, clock=clock, sync=Sync.INTERVAL)
    old = (store.directory / "current.log").stat().st_ino
    try:
        store.append(batch(b"one"))
        clock.advance(1)
        assert place_of(store) == (1, len(stored(b"one")))
        disk.synced.clear()
        store.append(batch(b"two"))
        store.rotate()
        store.apply(StorePolicy(sync=later))
        await write(store, b"three")
        assert store.position.segment == 2
        for _ in range(3):
            clock.advance(1)
        assert old in disk.synced or place_of(store).segment == 1
    finally:
        left.arrive()
    clock.advance(1)
    assert place_of(store) == (2, len(stored(b"three")))
    assert old in disk.synced


@pytest.mark.parametrize("before", [Sync.NEVER, Sync.INTERVAL])
async def test_lines_of_an_earlier_policy_are_synced_though_no_others_come(
    open_store, clock, before
):
    store = open_store(clock=clock, sync=before)
    store.append(batch(b"one"))
    clock.settle()
    store.apply(StorePolicy(sync=Sync.ALWAYS))
    clock.advance(1)
    clock.advance(1)
    assert place_of(store) == (1, len(stored(b"one")))


async def test_a_segment_that_was_left_unsynced_stays_in_doubt(open_store, disk, clock):
    store = open_store(disk, clock=clock, sync=Sync.NEVER)
    store.append(batch(b"one"))
    store.rotate()
    clock.settle()
    store.apply(StorePolicy(sync=Sync.INTERVAL))
    disk.synced.clear()
    store.append(batch(b"two"))
    clock.advance(1)
    assert (store.directory / "current.log").stat().st_ino in disk.synced
    await store.close()
    assert place_of(store) == (0, 0)


async def test_a_close_that_fails_does_not_end_the_syncing(open_store, disk, clock, monkeypatch):
    """As NFS and quotas say it late, when a file is closed."""
    store = open_store(disk, clock=clock, sync=Sync.INTERVAL)
    await write(store, b"one")
    real = os.close

    def close(fd: int) -> None:
        real(fd)
        if threading.current_thread().name == "store-sync":
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "close", close)
    store.rotate()
    store.append(batch(b"two"))
    clock.advance(1)
    assert store.position.segment == 2
    assert (store.directory / "current.log").stat().st_ino in disk.synced


@pytest.mark.parametrize("sync", [Sync.INTERVAL, Sync.ALWAYS])
async def test_a_sync_that_works_after_one_that_failed_says_nothing_of_the_segment(
    open_store, disk, clock, sync
):
    """The kernel has let go of what it could not write; a start is to look for a hole there."""
    store = open_store(disk, clock=clock, sync=sync)
    disk.errors["fdatasync"] = OSError(errno.EIO, "Input/output error")
    store.append(batch(b"one"))
    clock.advance(1)
    assert "sync" in store.troubles()
    del disk.errors["fdatasync"]
    clock.advance(1)
    assert "sync" not in store.troubles()
    # It may have been synced while it was empty.
    assert place_of(store) <= (1, 0)
    store.rotate()
    store.append(batch(b"two"))
    clock.advance(1)
    assert place_of(store) == (2, len(stored(b"two")))


async def test_the_size_of_a_segment_is_written_down_when_lines_go_on_in_the_next(
    open_store, clock
):
    """Once it is on the medium; so not under `--sync never`."""
    store = open_store(clock=clock, sync=Sync.INTERVAL)
    await write(store, b"one", b"two")
    store.rotate()
    clock.settle()
    assert waiting_of(store) == {1: len(stored(b"one", b"two"))}
    store.apply(StorePolicy(sync=Sync.NEVER))
    await write(store, b"three")
    store.rotate()
    clock.settle()
    assert len(list(store.directory.glob("*.idx"))) == 2
    assert list(waiting_of(store)) == [1]


def waiting_of(store: Store) -> dict[int, int]:
    with at(store.directory) as disk:
        return waiting_sizes(disk)
