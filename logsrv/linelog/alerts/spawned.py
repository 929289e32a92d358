"""The daemon's end of the pipes to the process of the alerts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.text.escape import one_line
from logsrv.linelog.alerts.reports import Orders, Report, orders_line, read_report

log = Logger()
_KEPT = 4096


class Spawned(ProcessProtocol):
    """A process: `take` gets its reports, `ended` why it ended, and what it said at last."""

    def __init__(
        self,
        orders: Orders,
        take: Callable[[Report], object],
        ended: Callable[[Failure, str], object],
    ) -> None:
        self._orders = orders
        self._take = take
        self._unfinished = b""
        self._ended = ended
        self._waiting = [orders_line(orders)]
        self._said = b""

    def connectionMade(self) -> None:
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            self.say(line)

    def go_by(self, orders: Orders) -> None:
        """Give it other orders."""
        self._orders = orders
        self.say(orders_line(orders))
        self.log_labels()

    def log_labels(self) -> None:
        """Log what it watches the store for, once it runs."""
        if self.transport is not None:
            tasks = self._orders.tasks.values()
            wanted = dict.fromkeys(task.label for task in tasks if task.until is None)
            out = dict.fromkeys(task.label for task in tasks if task.until is not None)
            log.info(
                "alerts: process {pid} watches the store for {alerts}{out}",
                pid=self.transport.pid,
                alerts=", ".join(wanted) or "none",
                out=f"; taken out: {', '.join(out)}" if out else "",
            )

    def say(self, line: bytes) -> None:
        """Send a line, when there is a process."""
        if self.transport is None:
            self._waiting.append(line)
        else:
            self.transport.write(line + b"\n")

    def kill(self) -> None:
        """End it by force."""
        if self.transport is not None:
            with contextlib.suppress(ProcessExitedAlready):
                self.transport.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._take(read_report(line))

    def errReceived(self, data: bytes) -> None:
        self._said = (self._said + data)[-_KEPT:]

    def processEnded(self, reason: Failure = connectionDone) -> None:
        words = self._said.decode(errors="backslashreplace").strip().rpartition("\n")[2]
        self._ended(reason, one_line(words, 300))
