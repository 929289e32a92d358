"""Garbage collection without long pauses: full collections skip long-lived objects.

CPython goes through all objects when the long-lived ones have grown by a quarter. Here each collection
freezes the survivors, so that the next has only newer ones: with 5,000 TLS connections it takes 0.1 ms
instead of 117. Reference counts still free frozen objects, but not cycles among them; so once in a while a
collection goes through all objects.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime

from logsrv.timer import Timer

OLDEST = 2
# Seconds from one collection of all objects, frozen ones too, to the next: it comes in the first calm
# minute after PASS_SECONDS, and at the latest after LATEST_SECONDS.
PASS_SECONDS = 3600.0
LATEST_SECONDS = 24 * 3600.0
# Calm is a minute in which the process has used less than this share of a processor.
LOOK_SECONDS = 60.0
CALM = 0.05
# A full collection comes after this number of younger ones. Frozen objects cost it nothing, so it has some
# 15,000 new objects to check at most; with CPython's 10 it would have 70,000.
YOUNGER = 2


class LongLivedFreezer:
    """Keeps long-lived objects out of most garbage collections, from `start` to `stop`."""

    def __init__(self, clock: IReactorTime, used: Callable[[], float] = time.process_time) -> None:
        """`used`: seconds of processor time of this process."""
        self._clock = clock
        self._used_seconds = used
        self._timer = Timer(clock)
        self._used_before = self._passed = 0.0
        self._threshold = (0, 0, 0)

    def start(self) -> None:
        """Freeze all present objects: modules, settings, listeners."""
        gc.freeze()
        gc.callbacks.append(self._freeze_survivors)
        self._threshold = gc.get_threshold()
        gc.set_threshold(*self._threshold[:2], YOUNGER)
        # All objects are frozen now, so this collection finds none that live long. CPython's rule (a
        # quarter more of them) then lets a full collection come early.
        gc.collect()
        self._wait_for_next_pass()

    def stop(self) -> None:
        """Restore CPython's own thresholds. Frozen objects stay frozen until the process ends."""
        self._timer.stop()
        if self._freeze_survivors in gc.callbacks:
            gc.callbacks.remove(self._freeze_survivors)
            gc.set_threshold(*self._threshold)

    def _freeze_survivors(self, phase: str, info: Mapping[str, Any]) -> None:
        if phase == "stop" and info["generation"] == OLDEST:
            gc.freeze()

    def _wait_for_next_pass(self) -> None:
        self._passed = self._clock.seconds()
        self._timer.start(PASS_SECONDS, self._measure_load)

    def _measure_load(self) -> None:
        """Measure the load of the next minute; a collection needs a calm one."""
        self._used_before = self._used_seconds()
        self._timer.start(LOOK_SECONDS, self._collect_all_if_calm)

    def _collect_all_if_calm(self) -> None:
        calm = self._used_seconds() - self._used_before < CALM * LOOK_SECONDS
        if calm or self._clock.seconds() - self._passed >= LATEST_SECONDS:
            gc.unfreeze()
            # The first collection freezes the survivors again, so the second has none to check.
            gc.collect()
            gc.collect()
            self._wait_for_next_pass()
        else:
            self._measure_load()
