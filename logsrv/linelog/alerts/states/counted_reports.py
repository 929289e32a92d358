"""The reports of the alert process as metrics and lines of the log: what fires, was sent, or failed.

The states of the page (alert_states.py) take note of the same reports, and forget more: metrics stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

from twisted.logger import Logger

from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.linelog.alerts.alert_protocol import AlertReport
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.grammar import parse_alert

log = Logger()


class CountedReports:
    """The metrics of the alerts of a service; `note` counts and logs a report."""

    def __init__(self, metrics: Metrics, limited_log: RateLimitedLog) -> None:
        self._metrics = metrics
        self._limited_log = limited_log
        self._alerts: Mapping[str, AlertSettings] = {}
        # The queries of the alerts that have a condition, by their labels.
        self._conditions: Mapping[str, str] = {}
        self._firing: Counter[str] = Counter()
        self._silences: Counter[str] = Counter()
        # The labels that have metrics.
        self._watched: set[str] = set()
        # By the kind of report (alert_protocol.py).
        self._handlers: Mapping[str, Callable[[AlertReport], object]] = {
            "firing": self._set_firing,
            "silences": self._set_silences,
            "lines": self._count_lines,
            "sent": self._count_sent,
            "failed": self._count_failure,
            "later": self._count_failure,
            "put-off": self._count_put_off,
            "missed": self._count_missed,
            "dropped": self._count_dropped,
            "store-removed": self._count_removed_store,
            "trouble": self._log_trouble,
        }

    def replace_alerts(self, wanted: Mapping[str, AlertSettings]) -> None:
        """Make the metrics of these alerts; those of others, or of another condition, become 0.

        No later report would do it: the process of a removed alert has ended.
        """
        before, self._alerts = self._conditions, wanted
        self._conditions = {
            label: alert.alert
            for label, alert in wanted.items()
            if parse_alert(alert.alert).condition is not None
        }
        for label in self._watched:
            if self._conditions.get(label) != before.get(label):
                self._firing[label] = 0
            if label not in wanted:
                self._silences[label] = 0
        for label in wanted:
            # Counting 0 makes the metrics list an alert that never matched.
            self._metrics.count("alert_lines_total", 0, alert=label)
            if label not in self._watched:
                self._watched.add(label)
                for metric, numbers in (
                    ("alerts_firing", self._firing),
                    ("alert_silences", self._silences),
                ):
                    self._metrics.watch(metric, partial(numbers.__getitem__, label), alert=label)

    def note(self, report: AlertReport) -> None:
        """Note a report. One that is about the states or the tasks alone is left to these."""
        if report.kind in self._handlers:
            self._handlers[report.kind](report)

    def _set_firing(self, report: AlertReport) -> None:
        # A report about an alert that was removed just now is dropped: no later one would end it.
        if report.label in self._conditions:
            self._firing[report.label] = report.number

    def _set_silences(self, report: AlertReport) -> None:
        if report.label in self._alerts:
            self._silences[report.label] = report.number

    def _count_lines(self, report: AlertReport) -> None:
        self._metrics.count("alert_lines_total", report.number, alert=report.label)

    def _count_sent(self, report: AlertReport) -> None:
        self._count_of_way("alerts_sent_total", 1, report)

    def _count_failure(self, report: AlertReport) -> None:
        self._count_of_way("alerts_failed_total", 1, report)
        self._log_failure(report)

    def _count_put_off(self, report: AlertReport) -> None:
        self._count_of_way("alerts_put_off_total", 1, report)
        log.warn(
            "alert {alert}: a message was under way when the service ended (lines: {number}); it is sent"
            " again at the next start",
            alert=report.label,
            number=report.number,
        )

    def _count_missed(self, report: AlertReport) -> None:
        self._count_of_way("alerts_missed_segments_total", report.number, report)
        log.warn(
            "alert {alert}: lines were removed from the store before they were searched (segments:"
            " {number})",
            alert=report.label,
            number=report.number,
        )

    def _count_dropped(self, report: AlertReport) -> None:
        self._count_of_way("alerts_dropped_episodes_total", report.number, report)
        if self._limited_log.count_event(f"dropped {report.label} {report.way}") is not None:
            log.warn(
                "alert {alert}: its receiver has been away for so long that episodes are dropped and"
                " only counted; see its command or webhook ({number} now)",
                alert=report.label,
                number=report.number,
            )

    def _count_removed_store(self, report: AlertReport) -> None:
        self._metrics.count("alerts_removed_stores_total")
        log.warn("alerts: {why}", why=report.why)

    def _log_trouble(self, report: AlertReport) -> None:
        if self._limited_log.count_event(report.why) is not None:
            log.warn("alerts: {why}", why=report.why)

    def _count_of_way(self, metric: str, number: int, report: AlertReport) -> None:
        self._metrics.count(metric, number, alert=report.label, way=report.way)

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
