"""The answers of /healthz and /readyz, over a real service on disks that fail."""

import re
import threading
from pathlib import Path
from typing import cast

import pytest
from twisted.internet.task import Clock

from logsrv.linelog.plugin.monitoring import PATIENCE, HangLog, unhealthy_reasons
from logsrv.linelog.plugin.service import LoggerService
from logsrv.linelog.store.store import Store
from tests.parts.disks import FaultyDisk, Hang, batch, no_space
from tests.parts.logger_services import service
from tests.parts.reactor import logged, until


def faulty(directory: Path) -> tuple[LoggerService, FaultyDisk]:
    """A service that is not started, and its disk."""
    logger = service("--listen", f"unix:{directory}/s", "--directory", f"{directory}/store")
    disk = FaultyDisk()
    logger.store.disk = disk
    return logger, disk


async def test_a_store_is_healthy_and_ready_from_start_to_stop(tmp_path):
    logger, _ = faulty(tmp_path)
    assert logger.unhealthy() and logger.unready_reasons()
    logger.privilegedStartService()
    assert logger.unready_reasons()
    logger.startService()
    assert logger.unhealthy() == logger.unready_reasons() == []
    stopped = logger.stopService()
    assert logger.unready_reasons() == ["logsrv is not running, or stopping"]
    await stopped
    assert logger.unhealthy() == ["the store is closed"]
    assert "the store is closed" in logger.unready_reasons()


async def test_a_full_disk_is_unhealthy_with_its_reason_until_there_is_room(tmp_path):
    logger, disk = faulty(tmp_path)
    logger.startService()
    disk.errors["writev"] = no_space()
    logger.store.append(batch(b"one"))
    await until(lambda: bool(logger.unhealthy()), "the trouble")
    assert logger.unhealthy() == ["the store cannot write: No space left on device"]
    # Who connects would wait: a balancer is to send it elsewhere.
    assert logger.unready_reasons() == logger.unhealthy()
    del disk.errors["writev"]
    await until(lambda: logger.unhealthy() == [], "the end of the trouble")
    assert logger.unready_reasons() == []
    await logger.stopService()


async def test_a_disk_that_hangs_is_unhealthy_when_patience_ends(tmp_path):
    """It gives no error, so the time is all there is to go by."""
    logger, disk = faulty(tmp_path)
    logger.startService()
    hang = disk.before["writev"] = Hang()
    logger.store.append(batch(b"one"))
    await until(hang.begun.is_set, "the write")
    assert logger.unhealthy() == []
    [said] = unhealthy_reasons(logger.store, patience=0)
    assert re.fullmatch(r"a write to the disk has not returned for \d+ s", said)
    logger.store.valve.close()
    assert "senders have been paused" in unhealthy_reasons(logger.store, patience=0)[1]
    hang.go.set()
    await until(lambda: not logger.store.pending, "the end of the write")
    logger.store.valve.open()
    assert unhealthy_reasons(logger.store, patience=0) == []
    await logger.stopService()


async def test_a_sync_that_hangs_is_unhealthy(tmp_path):
    logger, disk = faulty(tmp_path)
    logger.startService()
    hang = disk.before["fdatasync"] = Hang()
    logger.store.append(batch(b"one"))
    await until(hang.begun.is_set, "the sync")
    [said] = unhealthy_reasons(logger.store, patience=0)
    assert re.fullmatch(r"a sync of the disk has not returned for \d+ s", said)
    hang.go.set()
    await logger.stopService()


async def test_a_pause_of_all_senders_is_unready_when_patience_ends(tmp_path, monkeypatch):
    """And not before: in a burst they are paused all the time. What harms no sender never is."""
    logger, disk = faulty(tmp_path)
    logger.startService()
    logger.store.valve.close()
    assert logger.unready_reasons() == []
    with monkeypatch.context() as patch:
        patch.setattr(logger.store.valve, "closed_for", lambda: PATIENCE + 1)
        assert logger.unready_reasons() == [
            "senders have been paused for 31 s, 0 bytes are waiting to be written"
        ]
    logger.store.valve.open()
    disk.errors["link"] = disk.errors["rename"] = no_space()
    logger.store.append(batch(b"one"))
    logger.store.rotate()
    await until(lambda: bool(logger.unhealthy()), "the trouble")
    assert logger.unready_reasons() == []
    disk.errors.clear()
    await logger.stopService()


class Steps:
    """A store of which one knows what is under way."""

    def __init__(self) -> None:
        self.name = ""
        self.write = self.sync = 0.0

    def under_way(self) -> dict[str, float]:
        return {"write": self.write, "sync": self.sync}


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_a_hang_is_a_line_when_patience_ends_and_one_when_it_is_over(kind):
    steps, clock = Steps(), Clock()
    hangs = HangLog(cast(Store, steps), clock)
    with logged() as messages:
        hangs.log_hangs_periodically()
        for seconds in range(45):
            setattr(steps, kind, float(seconds))
            clock.advance(1)
        (begun,) = messages
        assert begun.startswith(f"a {kind}") and "has not returned for 31 s" in begun
        # The other kind as well, while the first lasts: it is the same disk.
        steps.write = steps.sync = 46.0
        clock.advance(1)
        steps.write = steps.sync = 0.0
        for _ in range(10):
            clock.advance(1)
    assert messages[1:] == ["the disk works again, after 46 s"]
    hangs.next.stop()
    assert not clock.getDelayedCalls()


def test_a_disk_that_hangs_every_other_second_is_no_line():
    steps, clock = Steps(), Clock()
    hangs = HangLog(cast(Store, steps), clock)
    with logged() as messages:
        hangs.log_hangs_periodically()
        for second in range(600):
            steps.write, steps.sync = (PATIENCE, 1.0) if second % 2 else (0.0, 0.0)
            clock.advance(1)
    assert messages == []


@pytest.mark.slow
async def test_a_hang_of_a_real_store_stands_in_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr("logsrv.linelog.plugin.monitoring.PATIENCE", 0.0)
    logger, disk = faulty(tmp_path)
    with logged() as messages:
        logger.startService()
        hang = disk.before["fdatasync"] = Hang()
        logger.store.append(batch(b"one"))
        await until(lambda: any("a sync of the disk has not" in one for one in messages), "a line")
        hang.go.set()
        await until(lambda: any("the disk works again" in one for one in messages), "its end")
        await logger.stopService()


async def test_a_rotation_that_fails_does_not_tell_strangers_our_paths(tmp_path):
    logger, disk = faulty(tmp_path)
    logger.startService()
    disk.errors["link"] = disk.errors["rename"] = no_space()
    logger.store.append(batch(b"one"))
    logger.store.rotate()
    await until(lambda: bool(logger.unhealthy()), "the trouble")
    assert logger.unhealthy() == ["current.log cannot be rotated; the log says why"]
    disk.errors.clear()
    await logger.stopService()


async def test_segments_that_cannot_be_compressed_are_unhealthy(tmp_path):
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
