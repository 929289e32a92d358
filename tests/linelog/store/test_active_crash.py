"""A rotation that ends at any step, and names that a power cut takes."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.starting.recover import (
    StartState,
    open_and_repair_active,
    save_active_number,
)
from tests import leaks
from tests.parts.clocks import HandClock
from tests.parts.disks import (
    FaultyDisk,
    at,
    batch,
    no_space,
    stored,
)
from tests.parts.reactor import until


def test_a_number_that_cannot_be_saved_is_said(tmp_path):
    disk = FaultyDisk().open_directory(tmp_path)
    disk.errors["rename"] = no_space()
    with capturedLogs() as events:
        assert save_active_number(disk, 3) == 3
    assert formatEvent(events[-1]) == "number cannot be saved: No space left on device"


class CutHalfWay(FaultyDisk):
    """A disk that keeps what was synced of the directory: its names at the last `sync_directory`."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: set[int] = set()

    def sync_directory(self) -> None:
        super().sync_directory()
        self.kept = {self.stat(name).st_ino for name in self.entries()}

    def rename(self, old: str, new: str) -> None:
        if old == "current.log.tmp":
            sealed = [name for name in self.entries() if name.endswith("Z.log")]
            self.calls += [f"kept {self.stat(name).st_ino in self.kept}" for name in sealed]
        super().rename(old, new)


@contextlib.contextmanager
def active_segment(directory: Path, disk: Disk) -> Iterator[ActiveSegment]:
    """A segment with a line, without a writer: the test is its thread."""
    opened = open_and_repair_active(at(directory))
    save_active_number(at(directory))
    lock = DirectoryLock(at(directory))
    active = ActiveSegment(
        StartState(opened, 1),
        StorePolicy(),
        started=0.0,
        clock=HandClock(),
        disk=disk.open_directory(directory),
        lock=lock,
        tell=lambda *_: None,
    )
    os.write(opened.fd, stored(b"one"))
    active.position = Position(1, len(stored(b"one")))
    try:
        yield active
    finally:
        lock.release()
        for fd in {opened.fd, active.fd}:
            os.close(fd)


@leaks.killed()
def test_a_place_is_synced_only_with_the_name_of_its_file(tmp_path):
    """Else a power cut takes the file, and with it lines that were acknowledged after a failed sync."""
    disk = CutHalfWay()
    with active_segment(tmp_path, disk) as active:
        active.rotate()
        active.write([stored(b"two")])
        before = active.synced
        disk.errors["sync_directory"] = no_space()
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                active.sync()
            assert active.synced == before
        del disk.errors["sync_directory"]
        active.sync()
        assert active.synced == active.position == (2, len(stored(b"two")))
        assert (tmp_path / "current.log").stat().st_ino in disk.kept


async def test_a_segment_has_its_sealed_name_on_the_medium_before_it_loses_the_other(open_store):
    """Else a power cut that keeps only the last step takes the whole segment."""
    disk = CutHalfWay()
    store = open_store(disk, rotate_size=1)
    store.append(batch(b"one"))
    await until(lambda: store.position.segment == 2)
    calls = [
        call for call in disk.calls if call in ("link", "sync_directory", "kept True", "rename")
    ]
    assert calls[calls.index("link") :][:3] == ["link", "sync_directory", "kept True"]
