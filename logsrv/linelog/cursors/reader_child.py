"""A process that reads the store from a kept place, seen from its own side; the daemon starts it.

Orders come on standard input, at the start and after each reload; reports go to standard output. It ends
with its input: the daemon has closed that, or is gone. It ignores signals that a terminal or a service
manager sends to all processes.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol as PipeProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import LogsrvError
from logsrv.kit.children.child_side import NO_MEMORY, limit, outlast_signals, tell
from logsrv.kit.children.frames import MessageReader, frame

TRY = 0.1
"""Seconds between two checks whether another process still does the same work."""
TRIES = 200
"""Checks after which it begins anyway: the other has only a few seconds to end."""


class Work(Protocol):
    """The work of such a process. Any exception ends the process; the daemon starts another."""

    def lock(self, orders: bytes) -> bool:
        """Take the lock; return False if another process holds it."""

    def start(self, orders: bytes) -> None:
        """Begin."""

    def change(self, orders: bytes) -> None:
        """Follow new orders."""

    def finish(self) -> Deferred[None]:
        """End the work; fires when all places are saved, within some seconds."""


@implementer(IHalfCloseableProtocol)
class Daemon(PipeProtocol):
    """The daemon, at the other end of both pipes. status: the exit status to end with.

    make: makes the work, once.
    """

    status = 0
    transport: Any = None

    def __init__(self, make: Callable[[Daemon], Work], reactor: Any) -> None:
        self._reactor = reactor
        self._work = make(self)
        self._messages = MessageReader()
        self._orders: bytes | None = None
        self._started = False
        self._finishing = False
        self._leaving = False

    def dataReceived(self, data: bytes) -> None:
        for message in self._messages.receive(data):
            first, self._orders = self._orders is None, b"".join(message)
            if self._started:
                self.attempt(self._work.change, self._orders)
            elif first:
                self.attempt(self._begin, TRIES)

    def _begin(self, tries: int) -> None:
        """Begin as soon as no other process does the same work.

        The process of a daemon that was killed may go on for a few seconds.
        """
        if self._leaving or self._orders is None:
            return
        if not self._work.lock(self._orders) and tries:
            self._reactor.callLater(TRY, self.attempt, self._begin, tries - 1)
            return
        self._started = True
        self._work.start(self._orders)

    def attempt(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function; an exception ends the process."""
        try:
            function(*args)
        except Exception:
            self.fail()

    def report(self, message: bytes) -> None:
        """Report to the daemon; do nothing if it is gone."""
        if self.transport is not None and not self.transport.disconnected:
            self.transport.writeSequence(list(frame(message)))

    def readConnectionLost(self) -> None:
        self.attempt(self._finish)

    def writeConnectionLost(self) -> None:
        # Nobody hears a report any more.
        self.transport.connectionLost(connectionDone)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._leaving:
            self.attempt(self._finish)
        elif self._reactor.running:
            self._reactor.stop()

    def _finish(self) -> None:
        if not self._started:
            self._leave()
        elif not self._finishing:
            # It is asked twice when the daemon goes after it has told it to end.
            self._finishing = True
            self._work.finish().addCallbacks(lambda _: self._leave(), self.fail)

    def fail(self, failure: Failure | None = None) -> None:
        """End because of a failure, or of the exception that is being handled; the daemon starts anew."""
        error = sys.exception() if failure is None else failure.value
        if isinstance(error, LogsrvError):
            tell(str(error))
        elif isinstance(error, MemoryError):
            tell(NO_MEMORY)
        else:
            traceback.print_exception(error)
        self.status = 1
        self._leave()

    def _leave(self) -> None:
        """End when the last report is written."""
        self._leaving = True
        if self.transport is not None and not self.transport.disconnected:
            self.transport.loseConnection()
        else:
            self.connectionLost()


def run(make: Callable[[Daemon, Any], Work]) -> int:
    """Work until the daemon has ended or says so; return the exit status.

    make: gets the daemon and the reactor.
    """
    from twisted.internet import reactor

    running: Any = reactor
    # Programs that it starts have their own memory again: see `alone`.
    limit()
    daemon = Daemon(lambda daemon: make(daemon, running), running)

    def begin() -> None:
        # A reactor that starts sets its own handlers: these come later.
        outlast_signals()
        StandardIO(daemon, reactor=running)

    running.callWhenRunning(begin)
    running.run()
    return daemon.status
