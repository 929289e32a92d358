"""Metrics and lines of the log by what the alert process reports."""

import pytest
from twisted.internet.task import Clock

from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.linelog.alerts.alert_part import AlertPart
from logsrv.linelog.alerts.alert_protocol import AlertReport
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.states.counted_reports import CountedReports
from tests.parts.reactor import logged

ABSENT = AlertSettings(alert="a | none in 5m", name="web", alert_command=("x",))
LINES = AlertSettings(alert="a", name="lines", alert_command=("x",))


class Stage:
    """The metrics of the alerts `web`, which has a condition, and `lines`."""

    def __init__(self) -> None:
        self.metrics = Metrics(AlertPart.metrics)
        self.counted = CountedReports(self.metrics, RateLimitedLog(Clock().seconds))
        self.counted.replace_alerts({"web": ABSENT, "lines": LINES})

    def note(self, kind: str, label: str = "web", **more: object) -> None:
        self.counted.note(AlertReport(kind, label, "command", **more))  # type: ignore[arg-type]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_an_alert_that_never_matched_has_its_metrics(stage):
    for metric in ("alert_lines_total", "alerts_firing", "alert_silences"):
        for label in ("web", "lines"):
            assert stage.metrics.value(metric, alert=label) == 0


@pytest.mark.parametrize("metric", ["alert_silences", "alerts_firing"])
def test_what_is_true_now_follows_the_reports_and_ends_with_the_alert(stage, metric):
    kind = metric.rpartition("_")[2]
    stage.note(kind, number=2)
    assert stage.metrics.value(metric, alert="web") == 2
    assert stage.metrics.value(metric, alert="lines") == 0
    stage.counted.replace_alerts({"lines": LINES})
    # It was under way when the alert was removed; no later one would take it back.
    stage.note(kind, number=2)
    assert stage.metrics.value(metric, alert="web") == 0


def test_messages_are_counted_by_their_ways(stage):
    with logged() as events:
        for kind in ("sent", "later", "failed", "put-off"):
            stage.note(kind, why="nobody is there")
    for metric, number in (("sent", 1), ("failed", 2), ("put_off", 1)):
        assert stage.metrics.value(f"alerts_{metric}_total", alert="web", way="command") == number
    assert events[0] == "alert web was not delivered: nobody is there"


def test_a_report_about_states_or_tasks_alone_is_left_to_these(stage):
    with logged() as events:
        for kind in ("state", "was-sent", "done"):
            stage.note(kind)
    assert events == []
