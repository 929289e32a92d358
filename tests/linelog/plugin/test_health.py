"""The answers of /healthz and /readyz, over a real service on disks that fail."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from logsrv.linelog.plugin.health import unhealthy
from logsrv.linelog.plugin.service import LoggerService
from tests.kit.net.network import in_reactor, until
from tests.linelog.plugin.test_service import service
from tests.linelog.store.faults import FaultyDisk, Hang, batch, no_space


def faulty(directory: Path) -> tuple[LoggerService, FaultyDisk]:
    """A service that is not started, and its disk."""
    logger = service("--listen", f"unix:{directory}/s", "--directory", f"{directory}/store")
    disk = FaultyDisk()
    logger.store._disk = disk
    return logger, disk


@in_reactor
async def test_good_and_ready_from_start_to_stop(tmp_path: Path) -> None:
    logger, _ = faulty(tmp_path)
    assert logger.unhealthy() and logger.unready()
    logger.privilegedStartService()
    assert logger.unready()
    logger.startService()
    assert logger.unhealthy() == logger.unready() == []
    stopped = logger.stopService()
    assert logger.unready() == ["logsrv is not running, or stopping"]
    await stopped
    assert logger.unhealthy() == ["the store is closed"]
    assert "the store is closed" in logger.unready()


@in_reactor
async def test_a_full_disk_is_unhealthy_with_its_reason_until_there_is_room(tmp_path: Path) -> None:
    logger, disk = faulty(tmp_path)
    logger.startService()
    disk.errors["writev"] = no_space()
    logger.store.append(batch(b"one"))
    await until(lambda: bool(logger.unhealthy()), "the trouble")
    assert logger.unhealthy() == ["the store cannot write: No space left on device"]
    # Its listeners are open: a balancer has to decide by /healthz.
    assert logger.unready() == []
    del disk.errors["writev"]
    await until(lambda: logger.unhealthy() == [], "the end of the trouble")
    await logger.stopService()


@in_reactor
async def test_a_disk_that_hangs_is_unhealthy_when_patience_ends(tmp_path: Path) -> None:
    """It gives no error, so the time is all there is to go by."""
    logger, disk = faulty(tmp_path)
    logger.startService()
    hang = disk.before["writev"] = Hang()
    logger.store.append(batch(b"one"))
    await until(hang.begun.is_set, "the write")
    assert logger.unhealthy() == []
    [said] = unhealthy(logger.store, patience=0)
    assert re.fullmatch(r"a write to the disk has not returned for \d+ s", said)
    logger.store.valve.close()
    assert "senders have been paused" in unhealthy(logger.store, patience=0)[1]
    hang.go.set()
    await until(lambda: not logger.store.pending, "the end of the write")
    logger.store.valve.open()
    assert unhealthy(logger.store, patience=0) == []
    await logger.stopService()


@in_reactor
async def test_a_sync_that_hangs(tmp_path: Path) -> None:
    logger, disk = faulty(tmp_path)
    logger.startService()
    hang = disk.before["fdatasync"] = Hang()
    logger.store.append(batch(b"one"))
    await until(hang.begun.is_set, "the sync")
    [said] = unhealthy(logger.store, patience=0)
    assert re.fullmatch(r"a sync of the disk has not returned for \d+ s", said)
    hang.go.set()
    await logger.stopService()


@in_reactor
async def test_a_rotation_that_fails_does_not_tell_strangers_our_paths(tmp_path: Path) -> None:
    logger, disk = faulty(tmp_path)
    logger.startService()
    disk.errors["link"] = disk.errors["rename"] = no_space()
    logger.store.append(batch(b"one"))
    logger.store.rotate()
    await until(lambda: bool(logger.unhealthy()), "the trouble")
    assert logger.unhealthy() == ["current.log cannot be rotated; the log says why"]
    disk.errors.clear()
    await logger.stopService()


@in_reactor
async def test_segments_that_cannot_be_compressed(tmp_path: Path) -> None:
    logger, disk = faulty(tmp_path)
    logger.startService()

    def fail() -> None:
        if threading.current_thread().name == "store-seal":
            raise no_space()

    disk.before["writev"] = fail
    logger.store.append(batch(b"one"))
    logger.store.rotate()
    await until(lambda: bool(logger.unhealthy()), "the trouble")
    assert logger.unhealthy() == ["a segment cannot be compressed: No space left on device"]
    await logger.stopService()
