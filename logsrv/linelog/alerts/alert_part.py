"""Alerts as a part of the line logger: what the service asks of them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import attrs
from twisted.internet.defer import Deferred

from logsrv.kit.observe.metrics import Metric, make_metrics
from logsrv.linelog.alerts.alert_settings import AlertOptions
from logsrv.linelog.alerts.alerts import Alerts, require_programs_exist
from logsrv.linelog.alerts.findings import check_alerts
from logsrv.linelog.alerts.page.page_api import PageApi
from logsrv.linelog.alerts.page.saved_alerts import general_settings
from logsrv.linelog.parts.endpoints import PartEndpoint
from logsrv.linelog.parts.work import PartContext, PartWork

if TYPE_CHECKING:
    from logsrv.kit.service.findings import CheckRequest, Finding

# The help text of each metric, by its name.
_OF_WAYS = {
    "alerts_sent_total": "Messages of an alert that were delivered.",
    "alerts_failed_total": "Failed tries to deliver a message of an alert; most are repeated.",
    "alerts_put_off_total": (
        "Messages being sent when the service ended; they are sent again at the next start."
    ),
    "alerts_missed_segments_total": (
        "Segments removed before an alert had read all lines of the segment."
    ),
    "alerts_dropped_episodes_total": (
        "Episodes that were not reported, because too many messages waited for the receiver."
    ),
}


class AlertPart(PartWork[AlertOptions]):
    """The alerts of a service."""

    metrics = (
        Metric("alert_lines_total", "counter", "Lines that matched an alert.", ("alert",)),
        Metric(
            "alerts_firing",
            "gauge",
            "Groups that fulfil the condition of an alert now.",
            ("alert",),
        ),
        Metric("alert_silences", "gauge", "Silences of an alert or of its groups.", ("alert",)),
        *make_metrics("counter", _OF_WAYS, "alert", "way"),
        Metric(
            "alerts_removed_stores_total",
            "counter",
            "Stores of [[retention]] rules that were removed while alerts had a saved position in them.",
        ),
    )
    reads_rule_stores = True

    def __init__(self, context: PartContext, options: AlertOptions) -> None:
        super().__init__(context, options)
        self._alerts = Alerts(
            directory=context.directory,
            identity=context.identity,
            end=lambda: context.end,
            clock=context.clock,
            reactor=context.reactor,
            metrics=context.metrics,
        )
        self._api = PageApi(context, self._alerts, options)

    def prepare(self, options: AlertOptions) -> None:
        general = general_settings(options) if options.alert_saved else None
        if general is not None:
            require_programs_exist((attrs.evolve(general, name="of the page"),))
        require_programs_exist(options.alerts)

    def apply(self, options: AlertOptions) -> None:
        self._api.apply(options)

    def endpoints(self) -> Sequence[PartEndpoint]:
        return self._api.endpoints()

    def processes(self, options: AlertOptions) -> Sequence[str]:
        return ["alerts"] if options.alerts or options.alert_saved else []

    def findings(
        self, options: AlertOptions, asked: CheckRequest, now: datetime.datetime
    ) -> Iterable[Finding]:
        return check_alerts(options, asked)

    def stop(self) -> Deferred[None]:
        # An alert that is being saved is in the file: it runs from the next start on.
        return self._api.stop().addCallback(lambda _: self._alerts.stop())
