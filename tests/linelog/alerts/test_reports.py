"""What daemon and process say to each other arrives as it was said."""

from __future__ import annotations

import pytest

from logsrv.linelog.alerts.reports import (
    Orders,
    Progress,
    Report,
    orders_line,
    read_orders,
    read_report,
    report_line,
)
from logsrv.linelog.alerts.settings import AlertSettings
from logsrv.linelog.store.segment import Position


def test_orders() -> None:
    alerts = {
        "1": AlertSettings(alert='a "b\nc"', alert_command=("x", "y z"), alert_every=0.5),
        "n": AlertSettings(alert="ü", alert_webhook="http://x/", name="n"),
    }
    progress = {"1": Progress(Position(1, 2), 3.5), "n": Progress(Position(4, 5))}
    orders = Orders("/d", alerts, progress)
    line = orders_line(orders)
    assert b"\n" not in line and read_orders(line) == orders


@pytest.mark.parametrize(
    "report",
    [
        Report("sent", "1", "command"),
        Report("failed", "1", "webhook", "it was\nrefused"),
        Report("come", "1", progress=Progress(Position(1, 2), 3.5)),
        Report("come", "1", progress=Progress(Position(0, 0))),
        Report("gap"),
    ],
)
def test_reports(report: Report) -> None:
    line = report_line(report)
    assert b"\n" not in line and read_report(line) == report
