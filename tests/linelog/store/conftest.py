"""Stores on real files that are closed when a test is over."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from logsrv.clock import Clock
from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.policy import DAY, StorePolicy
from logsrv.linelog.store.store import Store
from tests.parts.clocks import HandClock
from tests.parts.disks import FaultyDisk, batch
from tests.parts.reactor import until

OpenStore = Callable[..., Store]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[OpenStore]:
    """`open_store(disk=…, metrics=…, directory=…, clock=…, rotate_size=…)` gives an open store."""
    opened = []

    def make(
        disk: Disk | None = None,
        metrics: Metrics | None = None,
        directory: Path = tmp_path / "store",
        using: Any = reactor,
        clock: Clock | None = None,
        after_sealing: Callable[[], object] = bool,
        **policy: Any,
    ) -> Store:
        # The lines of these tests grow older each day, and a segment of them must not be sealed for it.
        policy.setdefault("rotate_every", 100 * 366 * DAY)
        store = Store(
            directory,
            StorePolicy(**policy),
            reactor=using,
            clock=clock or Clock(),
            metrics=metrics or Metrics(METRICS),
            disk=disk,
        )
        store.after_sealing = after_sealing
        store.open()
        opened.append(store)
        return store

    yield make
    for store in opened:
        with contextlib.suppress(StoreError):
            pytest_twisted.blockon(store.close())


@pytest.fixture
def disk() -> FaultyDisk:
    """A disk for `open_store`, which fails as the test says."""
    return FaultyDisk()


@pytest.fixture
def metrics() -> Metrics:
    """Metrics for `open_store`."""
    return Metrics(METRICS)


@pytest.fixture
def clock() -> HandClock:
    """The clock of the threads of a store that is opened with it: it goes on when the test says so."""
    return HandClock()


async def segments(store: Store, metrics: Metrics, *, packed: int) -> None:
    """Write and seal so many segments, and wait until they are counted."""
    for number in range(packed):
        store.append(batch(b"%d" % number))
        store.rotate()
    await until(lambda: len(list(store.directory.glob("*.zst"))) == packed)
    await until(lambda: metrics.value("segments_sealed_total") == packed)


async def closed(store: Store) -> None:
    """Close a store whose reactor is eager: a test must not go on in one of its threads."""
    closing = store.close()
    await until(lambda: closing.called)
