"""The states of alerts as readers see them: what fires, the last episode, what became of the messages.

The daemon keeps them, by the reports of the alert process. A process that is started again reports the
state of each alert anew; only what became of messages is unknown from before the start of the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.alerts.alert_protocol import AlertReport
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.states.silences import AlertSilences

QUIET, FIRING, LINES = "quiet", "firing", "lines"


@attrs.frozen
class LastDelivery:
    """The fate of the last message of an alert by one way.

    state: "none" since the start, "sent", "waiting" for another attempt, "failed" for good. time: of the
    last attempt. next: of the next one.
    """

    state: str = "none"
    time: float | None = None
    why: str = ""
    next: float | None = None

    def document(self, way: str) -> dict[str, Any]:
        return {
            "way": way,
            "state": self.state,
            "time": _time_text(self.time),
            "why": self.why,
            "next": _time_text(self.next),
        }


@attrs.define
class AlertState:
    """The state of an alert. groups: those that fire, as the page gets them; count: of all that fire."""

    text: str
    groups: list[dict[str, Any]] = attrs.field(factory=list)
    count: int = 0
    last: dict[str, Any] | None = None
    deliveries: dict[str, LastDelivery] = attrs.field(factory=dict)


class AlertStates:
    """The states of the alerts of a service, by their labels. time_of_day: seconds since 1970."""

    def __init__(self, time_of_day: Callable[[], float]) -> None:
        self._time_of_day = time_of_day
        self._by_label: dict[str, AlertState] = {}

    def replace_alerts(self, wanted: Mapping[str, AlertSettings]) -> None:
        """Forget the states of others, and of those whose text is another now."""
        known = self._by_label
        self._by_label = {
            label: known[label]
            if label in known and known[label].text == alert.alert
            else AlertState(alert.alert)
            for label, alert in wanted.items()
        }

    def note(self, report: AlertReport) -> None:
        """Note a report of the process."""
        state = self._by_label.get(report.label)
        if state is None:
            return
        now = self._time_of_day()
        if report.kind == "state" and report.state is not None:
            # An earlier task of the same name may still report.
            if report.state["alert"] == state.text:
                state.groups, state.count = report.state["groups"], report.state["count"]
                state.last = report.state["last"]
        elif report.kind == "was-sent":
            state.deliveries.setdefault(report.way, LastDelivery("sent", report.time))
        elif report.kind == "sent":
            state.deliveries[report.way] = LastDelivery("sent", now)
        elif report.kind == "failed":
            state.deliveries[report.way] = LastDelivery("failed", now, report.why)
        elif report.kind == "later":
            state.deliveries[report.way] = LastDelivery(
                "waiting", now, report.why, now + report.pause
            )

    def document(self, label: str, alert: AlertSettings, silences: AlertSilences) -> dict[str, Any]:
        """Return how an alert stands. silences: those of this alert."""
        state = self._by_label.get(label) or AlertState(alert.alert)
        groups = [
            {**one, "silenced": silences.until(one["group"]) is not None} for one in state.groups
        ]
        if parse_alert(alert.alert).condition is None:
            name = LINES
        else:
            name = FIRING if state.count else QUIET
        return {
            "state": name,
            "groups": groups,
            "group_count": state.count,
            "last": state.last,
            "delivery": [
                state.deliveries.get(way, LastDelivery()).document(way) for way in alert.ways
            ],
        }


def _time_text(time: float | None) -> str | None:
    return None if time is None else rfc3339(time)
