"""The common part of processes that read the store from a saved place; the daemon starts them.

The daemon sends orders to standard input, at the start and after each reload. Reports go to standard
output. The process ends when its input ends: the daemon has closed it, or is dead. It ignores signals that
a terminal or a service manager sends to all processes.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol as PipeProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import LogsrvError
from logsrv.kit.children.child_side import (
    NO_MEMORY,
    ignore_stop_signals,
    limit_process,
    tell_service,
)
from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.reactor import steady_reactor
from logsrv.state_table import state_table

TRY = 0.1
"""Seconds between two attempts to take the lock."""
TRIES = 200
"""The failed attempts after which the work begins without the lock: its owner should have ended by then."""


NEXT = state_table(
    {
        "NEW": {"orders": "LOCKING", "leave": "LEAVING"},
        # The process of a killed daemon may hold the lock for a few seconds.
        "LOCKING": {"locked": "WORKING", "leave": "LEAVING"},
        # New orders change the work.
        "WORKING": {"finish": "FINISHING", "leave": "LEAVING"},
        # The daemon has closed the input, or is dead: the work ends and saves.
        "FINISHING": {"leave": "LEAVING"},
        # The last report is written; then the reactor stops.
        "LEAVING": {},
    }
)
"""The states of the process: for each the events, and the state after each event."""


class ReaderWork(Protocol):
    """The work of a reader process. Any exception ends the process, and the daemon starts another."""

    def lock(self, orders: bytes) -> bool:
        """Take the lock; return False if another process holds it."""

    def start(self, orders: bytes) -> None:
        """Begin the work."""

    def change(self, orders: bytes) -> None:
        """Follow new orders."""

    def finish(self) -> Deferred[None]:
        """End the work; the Deferred fires within a few seconds, when all places are saved."""


@implementer(IHalfCloseableProtocol)
class DaemonConnection(PipeProtocol):
    """The connection to the daemon by two pipes. status: the exit status of this process.

    make: called once with this connection; returns the work.
    """

    status = 0
    transport: Any = None

    def __init__(self, make: Callable[[DaemonConnection], ReaderWork], reactor: Any) -> None:
        self._reactor = reactor
        self._work = make(self)
        self._messages = MessageReader()
        self._orders = b""
        self._state = "NEW"

    def dataReceived(self, data: bytes) -> None:
        for message in self._messages.receive(data):
            self._orders = b"".join(message)
            if self._state == "WORKING":
                self.call_or_end(self._work.change, self._orders)
            elif self._state == "NEW":
                self._advance("orders")
                self.call_or_end(self._start_when_locked, TRIES)

    def _advance(self, event: str) -> None:
        self._state = NEXT[self._state][event]

    def _start_when_locked(self, tries: int) -> None:
        """Begin the work when the lock is free; after all attempts begin it without the lock."""
        if self._state != "LOCKING":
            return
        if not self._work.lock(self._orders) and tries:
            self._reactor.callLater(TRY, self.call_or_end, self._start_when_locked, tries - 1)
            return
        self._advance("locked")
        self._work.start(self._orders)

    def call_or_end(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function; if it raises, end the process."""
        try:
            function(*args)
        except Exception:
            self.end_after_failure()

    def report(self, message: bytes) -> None:
        """Report to the daemon; do nothing if it is gone."""
        if self.transport is not None and not self.transport.disconnected:
            self.transport.writeSequence(list(frame_parts(message)))

    def readConnectionLost(self) -> None:
        self.call_or_end(self._finish_work)

    def writeConnectionLost(self) -> None:
        # Nobody receives reports any more.
        self.transport.connectionLost(connectionDone)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._state != "LEAVING":
            self.call_or_end(self._finish_work)
        elif self._reactor.running:
            self._reactor.stop()

    def _finish_work(self) -> None:
        if self._state in ("NEW", "LOCKING"):
            self._end_process()
        elif self._state == "WORKING":
            # Not in FINISHING: if the daemon ends after it has closed the input, this is called twice.
            self._advance("finish")
            self._work.finish().addCallbacks(lambda _: self._end_process(), self.end_after_failure)

    def end_after_failure(self, failure: Failure | None = None) -> None:
        """End the process because of a failure or the present exception; the daemon starts another one."""
        error = sys.exception() if failure is None else failure.value
        # Nobody reads standard error after the daemon was killed.
        with suppress(OSError):
            if isinstance(error, LogsrvError):
                tell_service(str(error))
            elif isinstance(error, MemoryError):
                tell_service(NO_MEMORY)
            else:
                traceback.print_exception(error)
        self.status = 1
        self._end_process()

    def _end_process(self) -> None:
        """End the process after the last report is written; do nothing if it ends already."""
        if self._state == "LEAVING":
            return
        self._advance("leave")
        if self.transport is not None and not self.transport.disconnected:
            self.transport.loseConnection()
        else:
            self.connectionLost()


def run_reader_process(make: Callable[[DaemonConnection, Any], ReaderWork]) -> int:
    """Run the process until the daemon closes its input or is dead; return the exit status.

    make: gets the connection to the daemon and the reactor, and returns the work.
    """
    running = steady_reactor()
    # This also limits the memory of programs that the process starts. For the commands of alerts,
    # `alerts/ways/subreaper.py` lifts that limit.
    limit_process()
    _log_critical_events_alone()
    daemon = DaemonConnection(lambda daemon: make(daemon, running), running)

    def begin() -> None:
        # After the start of the reactor, because the reactor sets its own signal handlers.
        ignore_stop_signals()
        StandardIO(daemon, reactor=running)

    running.callWhenRunning(begin)
    running.run()
    return daemon.status


def _log_critical_events_alone() -> None:
    """Write critical events to standard error, and drop all others.

    Until a log begins, Twisted keeps the last 65,536 events with all their objects.
    """
    text = FileLogObserver(
        sys.stderr, lambda event: eventAsText(event, includeTimestamp=False) + "\n"
    )
    critical = LogLevelFilterPredicate(defaultLogLevel=LogLevel.critical)
    globalLogBeginner.beginLoggingTo(
        [FilteringLogObserver(text, [critical])], discardBuffer=True, redirectStandardIO=False
    )
