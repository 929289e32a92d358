"""The looks at current.log: nothing is acknowledged that somebody has removed or cut."""

import errno
import os
import threading

import pytest
from twisted.logger import capturedLogs

from logsrv.errors import StoreError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store import active
from logsrv.linelog.store.policy import Sync
from tests.parts.disks import FaultyDisk, batch, stored, text_of, write
from tests.parts.reactor import until


@pytest.fixture
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for whoever does something by hand, and not within the same hundredth of a second."""
    monkeypatch.setattr(active, "LOOK_EVERY", 0)


@pytest.mark.usefixtures("looked_at_each_time")
@pytest.mark.parametrize("sync", list(Sync))
async def test_acknowledged_lines_are_in_a_file_that_has_a_name(open_store, sync):
    """Somebody removes current.log, and says nothing."""
    store = open_store(sync=sync)
    await write(store, b"one")
    (store.directory / "current.log").unlink()
    with capturedLogs() as events:
        for number in range(20):
            await write(store, b"%d" % number)
        await until(lambda: any("{happened}" in event["log_format"] for event in events))
    assert text_of(store.directory) == stored(*(b"%d" % number for number in range(20)))
    assert store.position.segment == 2


async def test_lines_of_a_file_removed_during_the_sync_are_not_acknowledged(
    open_store, disk, clock
):
    store = open_store(disk, clock=clock, sync=Sync.ALWAYS)
    disk.before["fdatasync"] = (store.directory / "current.log").unlink
    store.append(batch(b"one"))
    waiting = store.durable()
    with pytest.raises(StoreError, match="somebody has removed or cut"):
        await waiting
    del disk.before["fdatasync"]
    clock.advance(1)
    assert not store.troubles()
    await write(store, b"two")
    assert text_of(store.directory) == stored(b"two")


@pytest.mark.usefixtures("looked_at_each_time")
@pytest.mark.parametrize("cut", [0, len(stored(b"one")), len(stored(b"one", b"t")) - 1])
async def test_a_cut_by_somebody_glues_no_lines_and_no_position_is_used_again(open_store, cut):
    store = open_store(sync=Sync.ALWAYS)
    await write(store, b"one", b"two")
    left = text_of(store.directory)[:cut]
    os.truncate(store.directory / "current.log", cut)
    await write(store, b"three")
    ended = left and left.removesuffix(b"\n") + b"\n"
    assert text_of(store.directory) == ended + stored(b"three")
    assert store.position == (2, len(stored(b"three")))


async def test_no_cut_between_two_looks_is_acknowledged(open_store, monkeypatch):
    """The file is looked at now and then only, and behind each sync."""
    monkeypatch.setattr(active, "LOOK_EVERY", 3600)
    store = open_store(sync=Sync.ALWAYS)
    many = batch(*[b"x" * 100] * 1000)
    for _ in range(2):
        store.append(many)
        await store.durable()
    os.truncate(store.directory / "current.log", 10)
    store.append(many)
    with pytest.raises(StoreError, match="somebody has removed or cut"):
        await store.durable()
    store.append(many)
    await store.durable()
    assert store.position.segment == 2
    assert text_of(store.directory).endswith(stored(*[b"x" * 100] * 1000))


@pytest.mark.usefixtures("looked_at_each_time")
async def test_bytes_that_somebody_else_appends_are_counted(open_store):
    store = open_store()
    with open(store.directory / "current.log", "ab") as file:
        file.write(b"by hand, without an end")
    await write(store, b"one")
    text = b"by hand, without an end\n" + stored(b"one")
    assert text_of(store.directory) == text
    assert store.position == (1, len(text))


class Unnumbered(FaultyDisk):
    """A disk on which the file `number` cannot be written at times."""

    broken = False

    def overwrite_start(self, name: str, data: bytes, *, sync: bool) -> None:
        if self.broken and name == "number":
            self.calls.append("number")
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().overwrite_start(name, data, sync=sync)


async def test_a_file_that_cannot_be_replaced_takes_no_descriptor_at_each_try(open_store, clock):
    """Somebody has removed current.log, and the disk is broken for a minute."""
    disk = Unnumbered()
    store = open_store(disk, clock=clock)
    await write(store, b"one")
    (store.directory / "current.log").unlink()
    disk.broken = True
    open_files = len(os.listdir("/dev/fd"))
    for number in range(60):
        store.append(batch(b"%d" % number))
        clock.advance(1)
    assert disk.calls.count("number") > 50
    assert len(os.listdir("/dev/fd")) == open_files
    disk.broken = False
    clock.advance(1)
    # The first came before anybody could look, into the file that has no name.
    assert text_of(store.directory) == stored(*(b"%d" % number for number in range(1, 60)))


class ToldOnce(FaultyDisk):
    """A disk whose write-back fails, and tells it once to each open file description, as Linux does."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self._told: set[int] = set()

    def fdatasync(self, fd: int) -> None:
        super().fdatasync(fd)
        if self.broken and fd not in self._told:
            self._told.add(fd)
            raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_a_failed_write_back_fails_the_acknowledgement(open_store):
    """Another thread that syncs, for a segment that was left, does not take the error away."""
    disk = ToldOnce()
    store = open_store(disk, sync=Sync.ALWAYS)
    await write(store, b"one")
    begun, broken, go = threading.Event(), threading.Event(), threading.Event()

    def held_up() -> None:
        if threading.current_thread().name != "store-write":
            broken.wait(PATIENCE)
        elif broken.is_set():
            begun.set()
            go.wait(PATIENCE)

    disk.before["fdatasync"] = held_up
    try:
        store.rotate()
        await until(lambda: store.position.segment == 2)
        disk.broken = True
        broken.set()
        store.append(batch(b"two"))
        waiting = store.durable()
        await until(begun.is_set)
        await until(lambda: "sync" in store.troubles())
        synced = len(disk.synced)
        await until(lambda: len(disk.synced) > synced)
    finally:
        broken.set()
        go.set()
    with pytest.raises(StoreError, match="could not be synced"):
        await waiting


async def test_lines_written_before_the_file_was_removed_are_not_acknowledged(
    open_store, disk, clock
):
    """The disk is full in the middle of a group, and a person removes current.log to make room."""
    store = open_store(disk, clock=clock, sync=Sync.ALWAYS)
    disk.room = len(stored(b"one")) + 10
    store.append(batch(b"one", b"two"))
    waiting = store.durable()
    clock.settle()
    assert store.stalled
    (store.directory / "current.log").unlink()
    disk.room = None
    clock.advance(1)
    with pytest.raises(StoreError, match="somebody has removed or cut"):
        await waiting


@pytest.mark.usefixtures("looked_at_each_time")
async def test_a_look_that_fails_half_way_glues_no_lines(open_store, monkeypatch, clock):
    store = open_store(clock=clock)
    await write(store, b"one")
    with open(store.directory / "current.log", "ab") as file:
        file.write(b"by hand, without an end")
    real, fails = os.pread, [True]

    def pread(fd: int, size: int, offset: int) -> bytes:
        if threading.current_thread().name == "store-write" and fails:
            fails.clear()
            raise OSError(errno.EIO, "Input/output error")
        return real(fd, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    store.append(batch(b"two"))
    clock.settle()
    assert store.stalled
    clock.advance(1)
    await store.durable()
    assert text_of(store.directory) == stored(b"one") + b"by hand, without an end\n" + stored(
        b"two"
    )
