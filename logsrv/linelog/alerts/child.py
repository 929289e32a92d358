"""The process of the alerts: `python -m logsrv.linelog.alerts.child`, started by the daemon.

Orders come on standard input, at the start and after each reload; reports go to standard output. It ends
when the daemon says so or is gone. It ignores signals that a terminal or a service manager sends to all
processes.
"""

from __future__ import annotations

import sys
import time
import traceback
from time import monotonic
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from logsrv.errors import LogsrvError
from logsrv.kit.children.inside import STOP, limit, outlast_signals, tell
from logsrv.linelog.alerts.delivery.delivery import deliver_by
from logsrv.linelog.alerts.kept import Kept
from logsrv.linelog.alerts.reports import Orders, Report, read_orders, report_line
from logsrv.linelog.alerts.watcher import Watcher
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk.disk import reason

WAIT = 20.0
"""Seconds for which another process of alerts may still be there, which has only a few for its end."""
TRY = 0.1
"""Seconds between two looks whether it is."""


class Daemon(LineOnlyReceiver):
    """The daemon, at the other end of both pipes. status: the exit status to end with."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 26
    status = 0
    transport: StandardIO | None = None

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._orders: Orders | None = None
        self._watcher: Watcher | None = None
        self._finishing = False
        self._leaving = False

    def lineReceived(self, line: bytes) -> None:
        try:
            if line == STOP:
                self._finish()
            elif self._orders is None:
                self._orders = orders = read_orders(line)
                kept = Kept(orders.directory, orders.store, now=monotonic, clock=time.time)
                self._begin(kept, monotonic() + WAIT)
            else:
                self._orders = read_orders(line)
                if self._watcher is not None:
                    self._watcher.change(self._orders.tasks)
        except Exception:
            self.fail()

    def _begin(self, kept: Kept, until: float) -> None:
        """Begin to watch as soon as no other process does.

        The process of a daemon that was killed may go on for a few seconds.
        """
        orders = self._orders
        if self._leaving or orders is None:
            return
        try:
            if not kept.lock() and monotonic() < until:
                self._reactor.callLater(TRY, self._try, kept, until)
                return
        except OSError as error:
            self._trouble(f"places cannot be kept: {reason(error)}")
        self._watcher = Watcher(
            view=View(orders.directory, self._trouble),
            kept=kept,
            deliver=deliver_by(self._reactor),
            clock=self._reactor,
            now=monotonic,
            report=self.report,
            failed=self.fail,
        )
        self._watcher.start(orders.tasks)

    def _try(self, kept: Kept, until: float) -> None:
        try:
            self._begin(kept, until)
        except Exception:
            self.fail()

    def _trouble(self, why: str) -> None:
        self.report(Report("trouble", why=why))

    def report(self, report: Report) -> None:
        """Tell the daemon; without one, nobody."""
        if self.transport is not None and not self.transport.disconnected:
            self.sendLine(report_line(report))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._leaving:
            self._finish()
        elif self._reactor.running:
            self._reactor.stop()

    def _finish(self) -> None:
        if self._watcher is None:
            self._leave()
        elif not self._finishing:
            # It is asked twice when the daemon goes after it has told it to end.
            self._finishing = True
            self._watcher.finish().addCallback(lambda _: self._leave())

    def fail(self) -> None:
        """End because of the exception that is being handled; the daemon starts another process."""
        error = sys.exception()
        if isinstance(error, LogsrvError):
            tell(str(error))
        else:
            traceback.print_exc()
        self.status = 1
        self._leave()

    def _leave(self) -> None:
        """End when what was reported last is written."""
        self._leaving = True
        if self.transport is not None and not self.transport.disconnected:
            self.transport.loseConnection()
        else:
            self.connectionLost()


def main() -> int:
    """Work until the daemon has ended or says so. Returns the exit status."""
    from twisted.internet import reactor

    running: Any = reactor
    # Programs that it starts have their own memory again: see `alone`.
    limit()
    daemon = Daemon(running)

    def begin() -> None:
        # A reactor that starts sets its own handlers: these come later.
        outlast_signals()
        StandardIO(daemon, reactor=running)

    running.callWhenRunning(begin)
    running.run()
    return daemon.status


if __name__ == "__main__":
    sys.exit(main())
