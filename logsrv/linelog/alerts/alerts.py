"""The daemon's side of alerts: it sends tasks to the alert process, and logs and counts its reports.

The daemon itself searches no lines, so that no alert can slow or stop the writing of lines. The place of
each alert is saved in a file (alert_places.py): the next process, or the next daemon, continues there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.clock import Clock
from logsrv.errors import ConfigurationError
from logsrv.kit.children.resident import ResidentProcess
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.text.words import shown
from logsrv.linelog.alerts.alert_places import AlertPlaces
from logsrv.linelog.alerts.alert_settings import (
    AlertSettings,
    alerts_by_label,
    missing_program_sentence,
)
from logsrv.linelog.alerts.reports import AlertOrders, AlertReport, encode_message, report_from_line
from logsrv.linelog.alerts.tasks import AlertTasks
from logsrv.linelog.store.segment import Position

log = Logger()

MODULE = "logsrv.linelog.alerts.alert_child"


def require_programs_exist(alerts: tuple[AlertSettings, ...]) -> None:
    """Raise ConfigurationError for a command whose program does not exist."""
    for label, alert in alerts_by_label(alerts).items():
        if alert.alert_command is not None and (
            sentence := missing_program_sentence(alert.alert_command)
        ):
            raise ConfigurationError(f"--alert-command of alert {shown(label)}: {sentence}")


@attrs.define(eq=False, kw_only=True)
class Alerts:
    """The alerts of a service, from the first `change` to `stop`.

    place: returns the present directory of the store. identity: returns the identity of the store, "" if it
    has none. position: returns the end of the store, where new alerts begin.
    """

    _place: Callable[[], str]
    _identity: Callable[[], str]
    _position: Callable[[], Position]
    _clock: Clock
    _reactor: Any
    _metrics: Metrics
    _alerts: Mapping[str, AlertSettings] | None = attrs.field(init=False, default=None)
    _tasks: AlertTasks = attrs.field(init=False, factory=AlertTasks)
    _firing: dict[str, int] = attrs.field(init=False, factory=dict)
    _limited_log: RateLimitedLog = attrs.field(init=False)
    _process: ResidentProcess = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._limited_log = RateLimitedLog(self._clock.monotonic)
        # The process gets our environment, because alerts name variables for their commands.
        self._process = ResidentProcess(
            MODULE,
            "alerts",
            self._orders_line,
            self._handle_report,
            self._reactor,
            lambda: os.environ,
        )

    def replace_alerts(self, alerts: tuple[AlertSettings, ...]) -> None:
        """Replace the alerts; those that existed before continue at their places.

        At the first call, those are the alerts that an earlier service on this store has saved.
        """
        wanted = alerts_by_label(alerts)
        if wanted == self._alerts or self._process.stopping:
            return
        first, self._alerts = self._alerts is None, wanted
        self._firing.update(dict.fromkeys(self._firing.keys() - wanted, 0))
        replace_alerts = self._tasks.resume_saved if first else self._tasks.replace_alerts
        kept = AlertPlaces(self._place(), self._identity(), self._clock)
        with closing(kept.folder):
            replace_alerts(wanted, self._position(), kept)
        for label in wanted:
            # Counting 0 makes the metrics list an alert that never matched.
            self._metrics.count("alert_lines_total", 0, alert=label)
            if label not in self._firing:
                self._firing[label] = 0
                firing = partial(self._firing.__getitem__, label)
                self._metrics.watch("alerts_firing", firing, alert=label)
        if self._tasks.all:
            self._process.start_or_update()

    def _orders_line(self, pid: int | None) -> bytes:
        tasks = self._tasks.all.values()
        wanted = dict.fromkeys(task.label for task in tasks if task.until is None)
        out = dict.fromkeys(task.label for task in tasks if task.until is not None)
        log.info(
            "alerts: process {pid} watches the store for {alerts}{out}",
            pid=pid,
            alerts=", ".join(wanted) or "none",
            out=f"; removed: {', '.join(out)}" if out else "",
        )
        return encode_message(AlertOrders(self._place(), self._identity(), self._tasks.all))

    def stop(self) -> Deferred[None]:
        """End the process; the Deferred fires when it has ended, within some seconds."""
        return self._process.stop()

    def _handle_report(self, line: bytes) -> None:
        report = report_from_line(line)
        count, labels = self._metrics.count, {"alert": report.label, "way": report.way}
        if report.kind == "done":
            self._tasks.all.pop(report.name, None)
            if not self._tasks.all:
                self._process.end_until_needed()
        elif report.kind == "lines":
            count("alert_lines_total", report.number, alert=report.label)
        elif report.kind == "firing":
            self._firing[report.label] = report.number
        elif report.kind == "sent":
            count("alerts_sent_total", 1, **labels)
        elif report.kind in ("failed", "later"):
            count("alerts_failed_total", 1, **labels)
            self._log_failure(report)
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
                "alert {alert}: lines were removed from the store before they were searched (segments:"
                " {number})",
                alert=report.label,
                number=report.number,
            )
        elif report.kind == "dropped":
            count("alerts_dropped_episodes_total", report.number, **labels)
            if self._limited_log.count_event(f"dropped {report.label} {report.way}") is not None:
                log.warn(
                    "alert {alert}: its receiver has been away for so long that episodes are dropped and"
                    " only counted; see its command or webhook ({number} now)",
                    alert=report.label,
                    number=report.number,
                )
        elif self._limited_log.count_event(report.why) is not None:
            log.warn("alerts: {why}", why=report.why)

    def _log_failure(self, report: AlertReport) -> None:
        noted = self._limited_log.count_event(f"{report.label} {report.way}")
        if noted is not None:
            times = f" ({noted.number} times)" if noted.number > 1 else ""
            log.error(
                "alert {alert} was not delivered{times}: {why}",
                alert=report.label,
                times=times,
                why=report.why,
            )
