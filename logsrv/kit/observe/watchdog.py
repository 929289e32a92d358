"""Warns when code blocks the reactor, and shows the stack of that code.

A thread asks the reactor for a sign of life a few times a second. If none comes, it logs the stack of the
reactor's thread, once for each time that it is blocked.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

import twisted

log = Logger()

ASK_EVERY_SECONDS = 0.25

TWISTED = os.path.dirname(twisted.__file__) + os.sep
# The kit's frames count as library code, like Twisted's; those of our own plugins as an author's.
KIT = os.path.dirname(os.path.dirname(__file__)) + os.sep
LIBRARY = sysconfig.get_path("stdlib") + os.sep
PACKAGES = f"{os.sep}site-packages{os.sep}"


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
        frames = traceback.extract_stack(frame) if frame is not None else []
        log.warn(
            "the reactor has been blocked for {seconds:g} s, nobody is served meanwhile:\n{stack}",
            seconds=self._patience,
            stack=stack_text(frames) or "(no stack)",
        )


def stack_text(frames: Sequence[traceback.FrameSummary]) -> str:
    """Return a stack as text, the author's frames first and their callers below.

    Otherwise twenty frames of the reactor and the kit, the same each time, would come first.
    """
    begin = _first_author_frame(frames)
    shown = "".join(traceback.format_list(frames[begin:]))
    if begin:
        shown += "called by:\n" + "".join(traceback.format_list(frames[:begin]))
    return shown


def _first_author_frame(frames: Sequence[traceback.FrameSummary]) -> int:
    """Return the index of the author's first frame that Twisted has called; 0 if there is none."""
    is_under_twisted = False
    for at, frame in enumerate(frames):
        file = frame.filename
        if file.startswith(TWISTED):
            is_under_twisted = True
            continue
        is_library = file.startswith(LIBRARY) and PACKAGES not in file
        if is_under_twisted and not is_library and not file.startswith(("<", KIT)):
            return at
    return 0
