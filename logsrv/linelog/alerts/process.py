"""The process of the alerts as the daemon sees it: started, started again, replaced, ended.

The daemon itself looks at no line: whatever alerts cost, and whatever they break, the writing side goes
on. It remembers how far each alert has come, so that nothing is told twice or never when the process
is another one.

    state    event    next     what happens
    IDLE     change   RUNNING  a process is started
    RUNNING  change   LEAVING  it is told to leave
    RUNNING  died     WAITING  the log says so
    WAITING  change   RUNNING  a process is started
    WAITING  due      RUNNING  a process is started
    LEAVING  died     RUNNING  a process is started, which goes by the new settings
    RUNNING  stop     ENDING   it is told to tell of what is counted, and to end
    LEAVING  stop     ENDING   it is told so
    ENDING   died     IDLE
    WAITING  stop     IDLE

A start without alerts leads to IDLE.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.seldom import Seldom
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.transitions import transitions
from logsrv.linelog.alerts.reports import (
    LEAVE,
    STOP,
    Orders,
    Progress,
    Report,
    orders_line,
    read_report,
)
from logsrv.linelog.alerts.settings import AlertSettings, labelled, missing
from logsrv.linelog.store.segment import Position

log = Logger()

COMMAND = (sys.executable, "-P", "-m", "logsrv.linelog.alerts.child")
PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before it is started again, each time it dies soon."""
WELL = 60.0
"""Seconds after which a process that dies is one that worked."""
END = 6.0
"""Seconds that it has for its end; then it is killed."""
_KEPT = 4096

NEXT = transitions(__doc__)


class _Child(ProcessProtocol):
    """A process: `take` gets its reports, `ended` why it ended, and what it said at last."""

    def __init__(
        self,
        orders: Orders,
        take: Callable[[Report], object],
        ended: Callable[[Failure, str], object],
    ) -> None:
        self.alerts = orders.alerts
        self._take = take
        self._unfinished = b""
        self._ended = ended
        self._waiting = [orders_line(orders)]
        self._said = b""

    def connectionMade(self) -> None:
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            self.say(line)

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


def check(alerts: tuple[AlertSettings, ...]) -> None:
    """Raise ConfigurationError for a command that is not there."""
    for alert in alerts:
        if alert.alert_command is not None and (sentence := missing(alert.alert_command)):
            raise ConfigurationError(f"--alert-command: {sentence}")


class Alerts:
    """The alerts of a service, from the first `change` to `stop`; `state` is one of the table's.

    place: the directory of the store, where it is now. position: its end, where alerts that are new begin.
    """

    def __init__(
        self,
        *,
        place: Callable[[], str],
        position: Callable[[], Position],
        reactor: Any,
        metrics: Metrics,
    ) -> None:
        self.state = "IDLE"
        self._place = place
        self._position = position
        self._reactor = reactor
        self._metrics = metrics
        self._alerts: Mapping[str, AlertSettings] = {}
        self._progress: dict[object, Progress] = {}
        self._seldom = Seldom(monotonic)
        self._child: _Child | None = None
        self._started = 0.0
        self._deaths = 0
        self._timer: Any = None
        self._stopped: Deferred[None] | None = None

    def change(self, alerts: tuple[AlertSettings, ...]) -> None:
        """Go by these alerts from now on; those that were there before go on where they are."""
        wanted = labelled(alerts)
        if wanted == self._alerts or self._stopped is not None:
            return
        self._alerts = wanted
        known, begin = self._progress, Progress(self._position())
        alike = map(_likeness, wanted.values())
        self._progress = {likeness: known.get(likeness, begin) for likeness in alike}
        if self.state == "RUNNING":
            self._go("change")
            self._tell(LEAVE)
        elif self.state != "LEAVING":
            self._go("change")
            self._start()

    def stop(self) -> Deferred[None]:
        """End the process; fires when it has ended, after END seconds at the latest."""
        if self._stopped is not None:
            return self._stopped
        if self._child is None:
            self._cancel()
            if self.state == "WAITING":
                self._go("stop")
            return succeed(None)
        self._stopped = Deferred()
        self._go("stop")
        self._tell(STOP)
        return self._stopped

    def _go(self, event: str) -> None:
        self.state = NEXT[self.state, event]

    def _cancel(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _tell(self, word: bytes) -> None:
        """Tell it to end, and see to it that it does."""
        self._cancel()
        assert self._child is not None
        self._child.say(word)
        self._timer = self._reactor.callLater(END, self._child.kill)

    def _start(self) -> None:
        self._cancel()
        if not self._alerts:
            self.state = "IDLE"
            return
        progress = {
            label: self._progress[_likeness(alert)] for label, alert in self._alerts.items()
        }
        orders = Orders(self._place(), self._alerts, progress)
        self._child = _Child(orders, self._take, self._ended)
        self._started = monotonic()
        # Not before the reactor runs: it would not hear of its end.
        self._reactor.callWhenRunning(self._spawn, self._child)

    def _spawn(self, child: _Child) -> None:
        try:
            process = self._reactor.spawnProcess(
                child, COMMAND[0], COMMAND, env=None, childFDs={0: "w", 1: "r", 2: "r"}
            )
        except OSError as error:
            # There are too many processes, or too little memory: later there may be room.
            self._ended(Failure(error), "")
            return
        log.info(
            "alerts: process {pid} watches the store for {alerts}",
            pid=process.pid,
            alerts=", ".join(child.alerts),
        )

    def _take(self, report: Report) -> None:
        if report.kind == "come" and report.progress is not None:
            self._come(report.label, report.progress)
        elif report.kind == "sent":
            self._metrics.count("alerts_sent_total", alert=report.label, way=report.way)
        elif report.kind == "failed":
            self._metrics.count("alerts_failed_total", alert=report.label, way=report.way)
            self._complain(report)
        elif report.kind == "gap":
            log.warn("alerts: lines were removed from the store before they could be looked at")
        else:
            log.warn("alerts: {why}", why=report.why)

    def _complain(self, report: Report) -> None:
        noted = self._seldom.note(f"{report.label} {report.way}")
        if noted is not None:
            times = f" ({noted.number} times)" if noted.number > 1 else ""
            log.error(
                "alert {alert} was not delivered{times}: {why}",
                alert=report.label,
                times=times,
                why=report.why,
            )

    def _come(self, label: str, progress: Progress) -> None:
        """Remember how far an alert has come, if it is still wanted."""
        assert self._child is not None
        likeness = _likeness(self._child.alerts[label])
        if likeness in self._progress:
            self._progress[likeness] = progress

    def _ended(self, reason: Failure, words: str) -> None:
        self._cancel()
        self._child = None
        if self.state == "RUNNING":
            self._died(reason, words)
            return
        ending = self.state == "ENDING"
        self._go("died")
        if ending:
            assert self._stopped is not None
            self._stopped.callback(None)
        else:
            self._start()

    def _died(self, reason: Failure, words: str) -> None:
        self._go("died")
        if monotonic() - self._started > WELL:
            self._deaths = 0
        pause = PAUSES[min(self._deaths, len(PAUSES) - 1)]
        self._deaths += 1
        ended = "ended" if reason.check(ProcessDone) else reason.getErrorMessage()
        log.error(
            "alerts: the process has ended and is started again in {pause:g} s: {why}",
            pause=pause,
            why=f"{ended} {words}".strip(),
        )
        self._timer = self._reactor.callLater(pause, self._due)

    def _due(self) -> None:
        self._go("due")
        self._start()


def _likeness(alert: AlertSettings) -> object:
    """Return what makes it the same alert after a reload, wherever in the list it is then."""
    return alert.alert, alert.name, alert.alert_command, alert.alert_webhook
