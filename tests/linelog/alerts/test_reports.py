"""Orders and reports: what is written is what is read."""

import pytest

from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.reports import (
    AlertOrders,
    AlertReport,
    AlertTask,
    encode_message,
    orders_from_line,
    report_from_line,
)
from logsrv.linelog.store.segments.segment import Position


def test_orders_are_read_as_they_were_written():
    alert = AlertSettings(
        alert='"\u20ac\n"',
        name="web",
        alert_command=("x", "a b"),
        alert_variable=("TOKEN",),
        alert_every=1.5,
    )
    hook = AlertSettings(alert="x", alert_webhook="http://x/")
    orders = AlertOrders(
        "/store",
        "ab" * 16,
        {
            "7": AlertTask("web", "command", alert, Position(3, 4)),
            "8": AlertTask("2", "webhook", hook, Position(3, 4), Position(5, 6)),
        },
    )
    line = encode_message(orders)
    assert b"\n" not in line and orders_from_line(line) == orders


@pytest.mark.parametrize(
    "report",
    [
        AlertReport("sent", "1", "command"),
        AlertReport("later", "1", "webhook", "no route\nto it"),
        AlertReport("put-off", "web", "command", number=3),
        AlertReport("done", name="7"),
    ],
)
def test_reports_are_read_as_they_were_written(report):
    line = encode_message(report)
    assert b"\n" not in line and report_from_line(line) == report
