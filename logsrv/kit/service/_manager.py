"""Reports of a service to its service manager: start, reloads, state and stop, and signs of life.

Without a service manager (no NOTIFY_SOCKET) nothing happens.

Its watchdog kills a service that sends no signs of life. The reactor's thread sends them, so a reactor in
an endless loop sends none. A reactor that waits for a disk or a network file system that hangs sends none
either, but killing it would not help, and would lose the lines in memory. So another thread sends them
while the reactor's thread waits for a device in the kernel.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any, ClassVar

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from logsrv.kit.net.kept_sockets import VACATED, KeptSockets
from logsrv.kit.observe._notify import Notifier, first_line, notify_message
from logsrv.kit.text.escape import one_line

log = Logger()

# Bounds of the interval in seconds; one beyond them becomes the bound. A shorter one would keep the reactor
# busy with signs of life, and a thread cannot wait as long as USEC_INFINITY.
SHORTEST_WATCHDOG = 0.1
LONGEST_WATCHDOG = 86_400.0
STATUS_SECONDS = 5.0
# Seconds. A start may take longer than TimeoutStartSec=, to repair a store or wait for a database, so we
# ask for more time again and again. A start of more than an hour has a fault, and gets no more.
EXTEND_SECONDS = 60
EXTEND_EVERY = 20.0
LONGEST_START = 3600.0
# Seconds that we ask for in addition to the time of a stop: one that uses all its time ends a little later.
MARGIN_SECONDS = 10


class ServiceManager:
    """The service manager of a process. kept: the sockets that it keeps for the next process."""

    def __init__(
        self,
        environment: MutableMapping[str, str],
        reactor: Any,
        inherited: Iterable[tuple[int, str]] = (),
    ) -> None:
        """Remove the manager's variables from `environment`. inherited: open files with their names."""
        self._notifier = Notifier.take_from(environment)
        there = self._notifier.address is not None
        seconds = take_watchdog_seconds(environment, os.getpid())
        # systemd sets FDSTORE since version 254. Earlier versions do not tell how many sockets they keep;
        # they close further ones.
        keeps = there and environment.pop("FDSTORE", "") != "0"
        self.kept = KeptSockets(inherited, self._notifier.send if keeps else None)
        self._heartbeat = (
            Heartbeat(seconds, lambda: self._send_fields(WATCHDOG=1), reactor)
            if there and seconds is not None
            else None
        )
        self._reactor = reactor
        self._starting = threading.Event()
        self._status: Callable[[], str] = str
        self._sent_status = ""
        self._refusal = ""
        # systemd makes it for the service (RuntimeDirectory=); the first of several.
        directory = environment.get("RUNTIME_DIRECTORY", "").split(":")[0] if there else ""
        self._answer = ReloadAnswer(Path(directory)) if directory else None
        self._looks = LoopingCall(self._send_changed_status)
        self._looks.clock = reactor

    def _send_fields(self, **fields: str | int) -> None:
        self._notifier.send(notify_message(**fields))

    def report_starting(self) -> None:
        """Report that the start has begun, and ask for more time until it is done."""
        if self._notifier.address is not None:
            self._send_fields(STATUS="starting")
            threading.Thread(
                target=self._keep_extending_start, name="logsrv starting", daemon=True
            ).start()

    def _keep_extending_start(self) -> None:
        """Ask for more time again and again, in a thread, because the reactor's thread may be busy."""
        end = time.monotonic() + LONGEST_START
        while time.monotonic() < end:
            self._send_fields(EXTEND_TIMEOUT_USEC=EXTEND_SECONDS * 1_000_000)
            if self._starting.wait(EXTEND_EVERY):
                return

    def report_ready(self, status: Callable[[], str]) -> None:
        """Report that peers are let in. status: returns the state in words; called every few seconds."""
        self._starting.set()
        self.kept.close_unwanted()
        if self._notifier.address is None:
            return
        self._status = status
        # The end of a reload is told by the same message.
        self.report_reloaded()
        self._looks.start(STATUS_SECONDS, now=False)
        if self._heartbeat is not None:
            self._heartbeat.start()

    def _send_changed_status(self) -> None:
        said = self._status() + self._refusal
        if said != self._sent_status:
            self._sent_status = said
            self._send_fields(STATUS=said)

    def report_reloading(self) -> None:
        """Report that a reload begins."""
        if self._answer is not None:
            self._answer.take_request()
        self._send_fields(
            RELOADING=1,
            MONOTONIC_USEC=time.monotonic_ns() // 1000,
            STATUS="reading its settings again",
        )

    def report_reloaded(self, refused: str = "") -> None:
        """Report the end of a reload. refused: why it was refused, for the status until the next reload."""
        if self._notifier.address is None:
            return
        self._refusal = f"; the last reload was refused: {first_line(refused)}" if refused else ""
        self._sent_status = self._status() + self._refusal
        self._send_fields(READY=1, STATUS=self._sent_status)
        # After READY=1: the manager hears of the end of the reload before ExecReload= ends.
        if self._answer is not None:
            self._answer.give(refused)

    def report_stopping(self, seconds: float) -> None:
        """Report that the service stops, in at most `seconds`; kept sockets stay for the next process."""
        self._starting.set()
        self.kept.leaving = True
        if self._looks.running:
            self._looks.stop()
        extended = int(seconds + MARGIN_SECONDS) * 1_000_000
        self._send_fields(STOPPING=1, STATUS="stopping", EXTEND_TIMEOUT_USEC=extended)

    def report_vacated(self) -> None:
        """Report that no listener takes peers any more, which is after STOPPING=1.

        systemd does not need it. `logsrv run` does: another process has the same sockets by then.
        """
        self._send_fields(**{VACATED: 1})

    def end_heartbeat(self) -> None:
        """End the signs of life: the service has stopped."""
        if self._heartbeat is not None:
            self._heartbeat.stop()

    def report_failed(self, sentence: str) -> None:
        """Report that the service cannot start. The kept sockets stay for the next process."""
        self._starting.set()
        self.kept.leaving = True
        self._send_fields(STATUS=sentence)


@attrs.define
class ReloadAnswer:
    """The answer to `systemctl reload`, by files in the RuntimeDirectory= of the service.

    ExecReload= of the unit makes ASKED, sends SIGHUP, and waits for RESULT: empty if the reload was
    done. A reload that had begun before takes no request and answers none: it may have read an older file.
    """

    directory: Path
    _is_asked: bool = False

    ASKED: ClassVar[str] = "reload-asked"
    RESULT: ClassVar[str] = "reload-result"

    def take_request(self) -> None:
        """Take the request, if there is one: a reload begins."""
        with contextlib.suppress(OSError):
            (self.directory / self.ASKED).unlink()
            self._is_asked = True

    def give(self, refused: str) -> None:
        """Write why the reload was refused, or "", if the reload was asked for."""
        if not self._is_asked:
            return
        self._is_asked = False
        coming = self.directory / f"{self.RESULT}.tmp"
        try:
            coming.write_text(f"{refused}\n" if refused else "", "utf-8", "backslashreplace")
            coming.replace(self.directory / self.RESULT)
        except OSError as error:
            log.warn(
                "systemctl reload waits in vain: {path}: {error}",
                path=one_line(str(coming)),
                error=error.strerror or str(error),
            )


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
    return min(max(int(microseconds) / 1_000_000, SHORTEST_WATCHDOG), LONGEST_WATCHDOG)


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
