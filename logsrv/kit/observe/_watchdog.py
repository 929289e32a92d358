"""Warns when code blocks the reactor, and shows the stack of that code.

A thread asks the reactor for a sign of life a few times a second. If none comes, it logs the stack of the
reactor's thread, once for each time that it is blocked.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from typing import Any

from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

log = Logger()

ASK_EVERY_SECONDS = 0.25


class Watchdog:
    """Watches the reactor from `start`, which must be called in the reactor's thread, until `stop`."""

    def __init__(self, reactor: IReactorFromThreads, *, patience: float = 1.0) -> None:
        """`patience`: seconds without a sign of life after which it warns."""
        self._reactor = reactor
        self._patience = patience
        self._stopped = threading.Event()
        self._watched = 0

    def start(self) -> None:
        self._watched = threading.get_ident()
        self._stopped = stopped = threading.Event()
        threading.Thread(
            target=self._watch_reactor, args=(stopped,), name="logsrv watchdog", daemon=True
        ).start()

    def stop(self) -> None:
        # Not joined: that thread may be waiting for the thread that calls this.
        self._stopped.set()

    def _watch_reactor(self, stopped: threading.Event) -> None:
        while not stopped.wait(ASK_EVERY_SECONDS):
            alive = threading.Event()
            asked = time.monotonic()
            self._reactor.callFromThread(alive.set)
            if not alive.wait(self._patience) and not stopped.is_set():
                self._log_blocked_stack()
                while not alive.wait(ASK_EVERY_SECONDS) and not stopped.is_set():
                    pass
                log.warn(
                    "the reactor goes on after {seconds:.1f} s", seconds=time.monotonic() - asked
                )

    def _log_blocked_stack(self) -> None:
        frame: Any = sys._current_frames().get(self._watched)
        stack = "" if frame is None else "".join(traceback.format_stack(frame))
        log.warn(
            "the reactor has been blocked for {seconds:g} s, nobody is served meanwhile:\n{stack}",
            seconds=self._patience,
            stack=stack or "(no stack)",
        )
