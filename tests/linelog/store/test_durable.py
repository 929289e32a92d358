"""Each waits for its own lines, no more and no less."""

import threading
from collections import deque

import pytest

from logsrv.errors import StoreError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store import writer
from logsrv.linelog.store.durable import DurableWaiters, SyncFailure
from logsrv.linelog.store.policy import Sync
from tests.parts.disks import FaultyDisk, batch


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
    open_store, monkeypatch
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
    disk = FaultyDisk()
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
