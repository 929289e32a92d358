"""The recovery of a store, run in this process on the files that a cut has left."""

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from logsrv.clock import Clock
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.policy import DAY, StorePolicy, Sync
from logsrv.linelog.store.store import Store

NEW = [b"<new 1> the first line after the cut", b"<new 2> the first one of a new segment"]
_PLAIN = re.compile(r"\d{10}-\w+\.log")
_POLICY = StorePolicy(sync=Sync.ALWAYS, rotate_every=1000 * 366 * DAY)


class Call:
    """A delayed call that is never made: nothing here takes so long."""

    def active(self) -> bool:
        return True

    def cancel(self) -> None:
        """Do nothing."""


class Turns:
    """The part of a reactor that a store uses; `until` and `result` make the calls while they wait."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def seconds(self) -> float:
        return time.time()

    def callLater(self, delay: float, function: Callable[..., Any], /, *args: Any) -> Call:
        return Call()

    def callFromThread(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        self._calls.put(lambda: function(*args, **kwargs))

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Make calls until the condition is met. Raises TimeoutError."""
        end = time.monotonic() + PATIENCE
        while not condition():
            with contextlib.suppress(Empty):
                self._calls.get(timeout=0.0005)()
            if time.monotonic() > end:
                raise TimeoutError(f"waited in vain for {what}")

    def result(self, waiting: Deferred[None], what: str) -> None:
        """Wait for a Deferred; raise the exception that it fails with."""
        done: list[object] = []
        waiting.addBoth(done.append)
        self.until(lambda: done, what)
        if isinstance(done[0], Failure):
            done[0].raiseException()


def use(directory: Path) -> None:
    """Start a store there, append, rotate, seal, append, stop; errors are raised."""
    turns = Turns()
    store = Store(directory, _POLICY, reactor=turns, clock=Clock(), metrics=Metrics(METRICS))
    store.open()
    try:
        for line in NEW:
            store.append(Batch(Block.of(line + b"\n"), "tcp:192.0.2.1:1", time.time()))
            turns.result(store.durable(), "a line to be durable")
            if line is NEW[0]:
                store.rotate()
        turns.until(lambda: not plain(directory) or store.troubles(), "the sealing")
        if store.troubles():
            raise RuntimeError(f"troubles: {store.troubles()}")
    finally:
        turns.result(store.close(), "the end")


def plain(directory: Path) -> list[str]:
    """Return the names of the segments that wait to be sealed, without those that are packed as well.

    Empty segments are not sealed: they stay for readers that follow the store.
    """
    names = set(os.listdir(directory))
    found = [name for name in names if _PLAIN.fullmatch(name) and f"{name}.zst" not in names]
    return [name for name in found if _size(directory / name)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        # The segment was sealed meanwhile.
        return 0
