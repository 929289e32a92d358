"""The process of the alerts as the daemon sees it: started, started again, told of changes, ended.

The daemon itself looks at no line: whatever alerts cost, and whatever they break, the writing side goes
on. How far each alert has come is in files (kept.py), so that nothing is told never when the process or the
daemon is another one.

    state    event    next     what happens
    IDLE     change   RUNNING  a process is started
    RUNNING  change   RUNNING  it is told
    RUNNING  done     LEAVING  no task is left: it is told to end
    RUNNING  died     WAITING  the log says so
    WAITING  change   RUNNING  a process is started
    WAITING  due      RUNNING  a process is started
    LEAVING  change   LEAVING
    LEAVING  died     RUNNING  a process is started
    RUNNING  stop     ENDING   it is told to tell of what is counted, and to end
    LEAVING  stop     ENDING   it is told so
    ENDING   died     IDLE
    WAITING  stop     IDLE

A start without tasks leads to IDLE.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.seldom import Seldom
from logsrv.kit.text.transitions import transitions
from logsrv.linelog.alerts.kept import Kept
from logsrv.linelog.alerts.reports import STOP, Orders, Report
from logsrv.linelog.alerts.settings import AlertSettings, labelled, missing
from logsrv.linelog.alerts.spawned import Spawned
from logsrv.linelog.alerts.tasks import Tasks
from logsrv.linelog.store.segments.segment import Position

log = Logger()

COMMAND = (sys.executable, "-P", "-m", "logsrv.linelog.alerts.child")
PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before it is started again, each time it dies soon."""
WELL = 60.0
"""Seconds after which a process that dies is one that worked."""
END = 6.0
"""Seconds that it has for its end; then it is killed."""

NEXT = transitions(__doc__)


def check(alerts: tuple[AlertSettings, ...]) -> None:
    """Raise ConfigurationError for a command that is not there."""
    for alert in alerts:
        if alert.alert_command is not None and (sentence := missing(alert.alert_command)):
            raise ConfigurationError(f"--alert-command: {sentence}")


class Alerts:
    """The alerts of a service, from the first `change` to `stop`; `state` is one of the table's.

    place: the directory of the store, where it is now. identity: that of the store, "" without one.
    position: its end, where alerts that are new begin. clock: the time of day.
    """

    def __init__(
        self,
        *,
        place: Callable[[], str],
        identity: Callable[[], str],
        position: Callable[[], Position],
        clock: Callable[[], float],
        reactor: Any,
        metrics: Metrics,
    ) -> None:
        self.state = "IDLE"
        self._place = place
        self._identity = identity
        self._position = position
        self._clock = clock
        self._reactor = reactor
        self._metrics = metrics
        self._alerts: Mapping[str, AlertSettings] | None = None
        self._tasks = Tasks()
        self._seldom = Seldom(monotonic)
        self._child: Spawned | None = None
        self._started = 0.0
        self._deaths = 0
        self._timer: Any = None
        self._stopped: Deferred[None] | None = None

    def change(self, alerts: tuple[AlertSettings, ...]) -> None:
        """Go by these alerts from now on; those that were there before go on where they are.

        The first time, those that an earlier service of this store had.
        """
        wanted = labelled(alerts)
        if wanted == self._alerts or self._stopped is not None:
            return
        first, self._alerts = self._alerts is None, wanted
        kept = Kept(self._place(), self._identity(), now=monotonic, clock=self._clock)
        try:
            if first:
                self._tasks.resume(wanted, self._position(), kept)
            else:
                self._tasks.change(wanted, self._position(), kept)
        finally:
            kept.close()
        if self.state == "RUNNING":
            self._go("change")
            assert self._child is not None
            self._child.go_by(self._orders())
        elif self.state == "LEAVING":
            self._go("change")
        elif self._tasks.all:
            self._go("change")
            self._start()

    def _orders(self) -> Orders:
        return Orders(self._place(), self._identity(), self._tasks.all)

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
        if not self._tasks.all:
            self.state = "IDLE"
            return
        self._child = Spawned(self._orders(), self._take, self._ended)
        self._started = monotonic()
        # Not before the reactor runs: it would not hear of its end.
        self._reactor.callWhenRunning(self._spawn, self._child)

    def _spawn(self, child: Spawned) -> None:
        try:
            self._reactor.spawnProcess(
                child, COMMAND[0], COMMAND, env=None, childFDs={0: "w", 1: "r", 2: "r"}
            )
        except OSError as error:
            # There are too many processes, or too little memory: later there may be room.
            self._ended(Failure(error), "")
            return
        child.log_labels()

    def _take(self, report: Report) -> None:
        count, labels = self._metrics.count, {"alert": report.label, "way": report.way}
        if report.kind == "done":
            self._done(report.name)
        elif report.kind == "sent":
            count("alerts_sent_total", 1, **labels)
        elif report.kind in ("failed", "later"):
            count("alerts_failed_total", 1, **labels)
            self._complain(report)
        elif report.kind == "put-off":
            count("alerts_put_off_total", 1, **labels)
            log.warn(
                "alert {alert}: a message was under way when the service ended (lines: {number}); it is"
                " sent again at the next start",
                alert=report.label,
                number=report.number,
            )
        elif report.kind == "missed":
            count("alerts_missed_segments_total", report.number, **labels)
            log.warn(
                "alert {alert}: lines were removed from the store before it could look at them (segments:"
                " {number})",
                alert=report.label,
                number=report.number,
            )
        elif self._seldom.note(report.why) is not None:
            log.warn("alerts: {why}", why=report.why)

    def _done(self, name: str) -> None:
        """Forget a task that was taken out; end the process with the last one."""
        self._tasks.done(name)
        if not self._tasks.all and self.state == "RUNNING":
            self._go("done")
            self._tell(STOP)

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
