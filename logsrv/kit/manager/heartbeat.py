"""Signs of life for the watchdog of the service manager, which kills a service that sends none.

The reactor's thread sends them, so a reactor in an endless loop sends none. A reactor that waits for a disk
or a network file system that hangs sends none either, but killing it would not help, and would lose the
lines in memory. So another thread sends them while the reactor's thread waits for a device in the kernel.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, MutableMapping

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from logsrv.kit.text.escape import one_line

log = Logger()

# Bounds of the interval in seconds; one beyond them becomes the bound. A shorter one would keep the reactor
# busy with signs of life, and a thread cannot wait as long as USEC_INFINITY.
SHORTEST = 0.1
LONGEST = 86_400.0


def take_watchdog_seconds(environment: MutableMapping[str, str], process: int) -> float | None:
    """Remove the watchdog's interval from an environment, and return it in seconds; None for no watchdog.

    process: the id of this process. An interval for another process, or one that is no number, counts as
    none.
    """
    microseconds, watched = (environment.pop(f"WATCHDOG_{word}", "") for word in ("USEC", "PID"))
    if not microseconds or (watched and watched != str(process)):
        return None
    if not re.fullmatch("[0-9]{1,20}", microseconds) or not int(microseconds):
        log.warn("WATCHDOG_USEC={text} is not a time", text=one_line(microseconds, 80))
        return None
    return min(max(int(microseconds) / 1_000_000, SHORTEST), LONGEST)


def waits_for_device(thread: int) -> bool:
    """Return true if a thread of this process waits for a device in the kernel (proc(5), state D)."""
    try:
        with open(f"/proc/self/task/{thread}/stat", encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()[0] == "D"
    except OSError:
        return False


@attrs.define(eq=False, slots=False)
class Heartbeat:
    """Calls `beat` twice in each `seconds`.

    The reactor's thread calls it; while that thread waits for a device in the kernel, another thread does.
    """

    _seconds: float
    _beat: Callable[[], object]
    _clock: IReactorTime
    _waits: Callable[[int], bool] = waits_for_device

    def __attrs_post_init__(self) -> None:
        self._last = 0.0
        self._stopped = threading.Event()
        self._calls = LoopingCall(self._beat_from_reactor)
        self._calls.clock = self._clock

    def start(self) -> None:
        """Begin. Call it in the reactor's thread."""
        self._stopped.clear()
        watching = (self._stopped, threading.get_native_id())
        self._calls.start(self._seconds / 2)
        threading.Thread(
            target=self._beat_while_blocked, args=watching, name="logsrv heartbeat", daemon=True
        ).start()

    def stop(self) -> None:
        self._stopped.set()
        if self._calls.running:
            self._calls.stop()

    def _beat_from_reactor(self) -> None:
        self._last = time.monotonic()
        self._beat()

    def _beat_while_blocked(self, stopped: threading.Event, thread: int) -> None:
        while not stopped.wait(self._seconds / 4):
            if time.monotonic() - self._last > self._seconds / 2 and self._waits(thread):
                self._beat()
