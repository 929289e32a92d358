"""Orders and reports: what is written is what is read."""

from __future__ import annotations

import pytest

from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.reports import (
    AlertTask,
    Orders,
    Report,
    orders_line,
    read_orders,
    read_report,
    report_line,
)
from logsrv.linelog.store.segments.segment import Position


def test_orders_are_read_as_they_were_written() -> None:
    alert = AlertSettings(
        alert='"\u20ac\n"',
        name="web",
        alert_command=("x", "a b"),
        alert_variable=("TOKEN",),
        alert_every=1.5,
    )
    hook = AlertSettings(alert="x", alert_webhook="http://x/")
    orders = Orders(
        "/store",
        "ab" * 16,
        {
            "7": AlertTask("web", "command", alert, Position(3, 4)),
            "8": AlertTask("2", "webhook", hook, Position(3, 4), Position(5, 6)),
        },
    )
    line = orders_line(orders)
    assert b"\n" not in line and read_orders(line) == orders


@pytest.mark.parametrize(
    "report",
    [
        Report("sent", "1", "command"),
        Report("later", "1", "webhook", "no route\nto it"),
        Report("put-off", "web", "command", number=3),
        Report("done", name="7"),
    ],
)
def test_reports_are_read_as_they_were_written(report: Report) -> None:
    line = report_line(report)
    assert b"\n" not in line and read_report(line) == report
