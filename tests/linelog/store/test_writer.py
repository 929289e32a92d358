"""The writing thread, on disks that take less than they are given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from logsrv.linelog.batch import Buffer
from logsrv.linelog.store.disk import IOV_MAX
from logsrv.linelog.store.policy import StorePolicy, Sync
from logsrv.linelog.store.writer import without_first_bytes
from tests.parts.disks import batch, stored, text_of, write
from tests.parts.reactor import until


@given(st.lists(st.binary(max_size=6)), st.data())
def test_a_short_write_goes_on_at_the_exact_byte(pieces, data):
    whole = b"".join(pieces)
    count = data.draw(st.integers(0, len(whole)))
    buffers: list[Buffer] = list(pieces)
    assert b"".join(without_first_bytes(buffers, count)) == whole[count:]


async def test_a_disk_that_takes_seven_bytes_at_a_time_gets_every_byte_once(open_store, disk):
    disk.limit = 7
    store = open_store(disk)
    lines = [b"x" * (number % 40) for number in range(100)]
    for line in lines:
        store.append(batch(line))
    await write(store, *lines, b"x" * 5000)
    assert text_of(store.directory) == stored(*lines, *lines, b"x" * 5000)
    assert store.position.offset == len(stored(*lines, *lines, b"x" * 5000))


async def test_thousands_of_small_batches_are_few_calls_within_the_limit_of_the_system(
    open_store, disk
):
    store = open_store(disk)
    lines = [b"%d" % number for number in range(5000)]
    for line in lines:
        store.append(batch(line))
    await store.durable()
    assert text_of(store.directory) == stored(*lines)
    assert disk.most_buffers <= IOV_MAX
    assert disk.calls.count("writev") < 1000


async def test_an_error_nobody_thought_of_stops_the_writer_no_more_than_a_full_disk(
    open_store, disk, clock
):
    store = open_store(disk, clock=clock)
    disk.errors["writev"] = ZeroDivisionError("surprise")
    with capturedLogs() as events:
        store.append(batch(b"kept"))
        await until(lambda: store.stalled == "ZeroDivisionError: surprise")
        await until(lambda: any("log_failure" in event for event in events))
        del disk.errors["writev"]
        clock.advance(1)
        await store.durable()
    assert text_of(store.directory) == stored(b"kept")


async def test_close_tries_a_stalled_disk_once_more(open_store, disk, clock):
    disk.room = 5
    store = open_store(disk, clock=clock)
    store.append(batch(b"kept"))
    clock.settle()
    assert store.stalled
    disk.room = None
    await store.close()
    assert text_of(store.directory) == stored(b"kept")


@pytest.mark.parametrize(
    ("before", "policy"),
    [(Sync.ALWAYS, Sync.ALWAYS), (Sync.ALWAYS, Sync.INTERVAL), (Sync.INTERVAL, Sync.NEVER)],
)
async def test_a_sync_that_failed_is_tried_again_though_nobody_sends_anything(
    open_store, disk, before, policy, clock
):
    """Else a server that is sent nothing because it says that it fails would say so for ever.

    A reload may even end the syncing.
    """
    store = open_store(disk, clock=clock, sync=before)
    disk.errors["fdatasync"] = OSError(5, "Input/output error")
    store.append(batch(b"one"))
    clock.advance(1)
    assert "sync" in store.troubles()
    if policy is not before:
        store.apply(StorePolicy(sync=policy))
    del disk.errors["fdatasync"]
    clock.advance(1)
    assert "sync" not in store.troubles()
