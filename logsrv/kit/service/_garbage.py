"""Garbage collection without long pauses: full collections skip long-lived objects.

CPython goes through all objects when the long-lived ones have grown by a quarter. Here each collection
freezes the survivors, so that the next has only newer ones: with 5,000 TLS connections it takes 0.1 ms
instead of 117. Reference counts still free frozen objects, but not cycles among them; so once in a while a
collection goes through all objects.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime

from logsrv.reactor import Timer

OLDEST = 2
# Seconds from one collection of all objects, frozen ones too, to the next.
PASS_SECONDS = 3600.0
# A full collection comes after this number of younger ones. Frozen objects cost it nothing, so it has some
# 15,000 new objects to check at most; with CPython's 10 it would have 70,000.
YOUNGER = 2


class LongLivedFreezer:
    """Keeps long-lived objects out of most garbage collections, from `start` to `stop`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._timer = Timer(clock)
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
        self._timer.start(PASS_SECONDS, self._collect_all)

    def stop(self) -> None:
        """Restore CPython's own thresholds. Frozen objects stay frozen until the process ends."""
        self._timer.stop()
        if self._freeze_survivors in gc.callbacks:
            gc.callbacks.remove(self._freeze_survivors)
            gc.set_threshold(*self._threshold)

    def _freeze_survivors(self, phase: str, info: Mapping[str, Any]) -> None:
        if phase == "stop" and info["generation"] == OLDEST:
            gc.freeze()

    def _collect_all(self) -> None:
        gc.unfreeze()
        # The first collection freezes the survivors again, so the second has none to check.
        gc.collect()
        gc.collect()
        self._timer.start(PASS_SECONDS, self._collect_all)
