"""The end of a store: what is pending is written, or said, within a bounded time."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.policy import Sync
from tests.parts.disks import FaultyDisk, Hang, batch, stored, text_of, write
from tests.parts.reactor import until


async def test_close_on_a_full_disk_says_and_counts_what_was_not_written(open_store, disk, metrics):
    store = open_store(disk, metrics)
    disk.room = len(stored(b"kept")) + 10
    store.append(batch(b"kept", b"torn", b"x" * 9000))
    waiting = store.durable()
    await until(lambda: store.stalled)
    store.append(batch(b"lost", b"too"))
    left = len(stored(b"torn", b"x" * 9000, b"lost", b"too")) - 10
    with pytest.raises(
        StoreError,
        match=rf"^{left} bytes \(4 lines\) could not be written .*: No space left on device$",
    ):
        await store.close()
    totals = metrics.totals()
    assert totals["store_lost_bytes_total"] == left
    assert totals["store_lost_lines_total"] == 4
    assert totals["stored_lines_total"] == 1
    with pytest.raises(StoreError, match="could not be written"):
        await waiting
    disk.room = None
    open_store()


class Patient:
    """The reactor, but for its timers, which a test moves on."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.seconds = self.clock.seconds
        self.callLater = self.clock.callLater

    def callFromThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        reactor.callFromThread(function, *args, **kwargs)  # type: ignore[attr-defined]


@pytest.mark.parametrize("sync", list(Sync))
async def test_a_last_sync_that_hangs_is_said_and_nobody_waits_for_it(open_store, clock, sync):
    disk, using = FaultyDisk(), Patient()
    store = open_store(disk, using=using, clock=clock, sync=sync)
    disk.calls.clear()
    hang = disk.before["fdatasync"] = Hang()
    store.append(batch(b"written"))
    await until(lambda: not store.pending)
    waiting = store.durable()
    if sync is not Sync.ALWAYS:
        await until(lambda: waiting.called)
    closing = store.close()
    await until(lambda: "fdatasync" in disk.calls)
    # After a power cut now, the next start must know that this was no end in order.
    assert (store.directory / "lock").read_bytes()
    with capturedLogs() as events:
        using.clock.advance(10)
        await closing
    assert [e["why"] for e in events if "not be synced at its end" in e["log_format"]] == [
        "it takes too long"
    ]
    if sync is Sync.ALWAYS:
        with pytest.raises(StoreError, match="not be synced at its end: it takes too long"):
            await waiting
    else:
        await waiting
    hang.go.set()


async def test_close_on_a_disk_that_hangs_ends_all_the_same(open_store, clock):
    disk, using, metrics = FaultyDisk(), Patient(), Metrics(METRICS)
    store = open_store(disk, metrics, using=using, clock=clock)
    disk.calls.clear()
    hang = disk.before["writev"] = Hang()
    store.append(batch(b"stuck"))
    await until(lambda: "writev" in disk.calls)
    store.append(batch(b"behind", b"it"))
    closing = store.close()
    using.clock.advance(10)
    with pytest.raises(StoreError, match=r"bytes \(3 lines\) could .*: it takes too long"):
        await closing
    hang.go.set()
    assert metrics.value("store_lost_lines_total") == 3


async def test_a_store_that_closes_in_time_leaves_no_timer(open_store, clock):
    using = Patient()
    store = open_store(using=using, clock=clock)
    store.append(batch(b"one"))
    await store.close()
    assert not using.clock.getDelayedCalls()


async def test_close_writes_everything_and_lets_the_next_one_go_on(open_store):
    store = open_store()
    for number in range(1000):
        store.append(batch(b"%d" % number))
    await gatherResults([store.close(), store.close()])
    with pytest.raises(StoreError, match="is closed and takes no lines"):
        store.append(batch(b"too late"))
    with pytest.raises(StoreError, match="is closed"):
        await store.durable()
    again = open_store()
    await write(again, b"next")
    assert text_of(store.directory) == stored(*(b"%d" % number for number in range(1000)), b"next")
