"""The talk between the daemon and the process of its alerts: an object of JSON a line.

The daemon says first which store and which alerts (`Orders`), and in the end `stop` or `leave`. The
process reports what was sent and what was not, and how far each alert has come, so that its successor
goes on there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import attrs

from logsrv.linelog.alerts.settings import AlertSettings
from logsrv.linelog.store.segment import Position

STOP = b"stop"
"""The word for: tell of what is counted, then end."""
LEAVE = b"leave"
"""The word for: end, a successor tells of what is counted."""


class Progress(NamedTuple):
    """A place in the store up to which an alert has told of all, and the end of its interval.

    due: on the machine's monotonic clock, which is the same in all processes; None for no interval.
    """

    position: Position
    due: float | None = None


@attrs.frozen
class Orders:
    """Orders to the process: a store, the alerts by their labels, and where each of them begins."""

    directory: str
    alerts: Mapping[str, AlertSettings]
    progress: Mapping[str, Progress]


@attrs.frozen
class Report:
    """A report: `kind` is sent, failed, come, gap or damage.

    label: of the alert. way: command or webhook. why: a sentence, for failed and damage. progress:
    for come.
    """

    kind: str
    label: str = ""
    way: str = ""
    why: str = ""
    progress: Progress | None = None


def orders_line(orders: Orders) -> bytes:
    """Return the orders as a line, without its LF."""
    alerts = {label: attrs.asdict(alert) for label, alert in orders.alerts.items()}
    given = {"directory": orders.directory, "alerts": alerts, "progress": orders.progress}
    return json.dumps(given).encode()


def read_orders(line: bytes) -> Orders:
    """Return the orders of a line."""
    found = json.loads(line)
    return Orders(
        found["directory"],
        {label: _alert(alert) for label, alert in found["alerts"].items()},
        {label: _progress(progress) for label, progress in found["progress"].items()},
    )


def _alert(found: dict[str, Any]) -> AlertSettings:
    command = found.pop("alert_command")
    variables = tuple(found.pop("alert_variable"))
    return AlertSettings(
        alert_command=command and tuple(command), alert_variable=variables, **found
    )


def _progress(found: list[Any]) -> Progress:
    position, due = found
    return Progress(Position(*position), due)


def report_line(report: Report) -> bytes:
    """Return a report as a line, without its LF."""
    given = attrs.asdict(report, recurse=False, filter=lambda _, value: value not in ("", None))
    return json.dumps(given).encode()


def read_report(line: bytes) -> Report:
    """Return the report of a line."""
    found = json.loads(line)
    progress = found.pop("progress", None)
    return Report(**found, progress=_progress(progress) if progress else None)
