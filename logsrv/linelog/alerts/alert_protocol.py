"""The protocol between the daemon and the alert process: JSON objects.

The daemon sends the store and the tasks (`AlertOrders`), again after each reload, and closes the pipe when
it stops: then the process sends its last messages, and ends. The process reports each message that was
sent, and each that was not (`AlertReport`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from logsrv.linelog.alerts.alert_settings import COMMAND_WAY, AlertSettings
from logsrv.linelog.store.cursor import Cursor, Place, place_from_json


@attrs.frozen
class AlertTask:
    """A task for the process: one alert by one of its ways.

    label: the name of the alert in logs and counters. begin: the place where it starts if none is saved.
    until: the place where it ends, if the alert was removed; else None.
    """

    label: str
    way: str
    alert: AlertSettings
    begin: Place
    until: Place | None = None

    @property
    def destination(self) -> tuple[object, ...]:
        """The receiver, and the name by which it knows the alert."""
        alert = self.alert
        receiver = alert.alert_command if self.way == COMMAND_WAY else alert.alert_webhook
        return self.label, self.way, receiver


@attrs.frozen
class AlertOrders:
    """Orders to the process: a store and its tasks, by the names of their places.

    store: the identity of the store; "" if it has none.
    """

    directory: str
    store: str
    tasks: Mapping[str, AlertTask]


@attrs.frozen
class AlertReport:
    """A report about the alert and the way of a task.

    kind: `lines`: `number` lines match; `firing`: `number` groups fulfil the condition; `silences`: there
        are `number` silences of the alert; `sent`: a message was sent; `failed`: a message could not be
        sent, and is given up; `later`: it could not be sent, and will be sent again; `put-off`: it will be
        sent again at the next start; `missed`: `number` segments were removed unsearched; `store-removed`:
        the store of a rule is gone; `dropped`: nobody will be told of `number` episodes; `done`: the task
        has ended; `state`: `state` says what fires now, for readers; `was-sent`: an earlier process has
        sent a message; `trouble`: something else failed.
    name: the name of the task, for `done`. why: a sentence, for `failed`, `later`, `store-removed` and
    `trouble`. pause: seconds until the next attempt, for `later`. time: for `was-sent`.
    """

    kind: str
    label: str = ""
    way: str = ""
    why: str = ""
    name: str = ""
    number: int = 0
    pause: float = 0.0
    time: float = 0.0
    state: dict[str, Any] | None = None


def encode_message(message: AlertOrders | AlertReport) -> bytes:
    """Return orders or a report as a line, without its LF."""
    return json.dumps(as_document(message)).encode()


def as_document(message: AlertOrders | AlertReport | AlertTask) -> dict[str, Any]:
    """Return orders, a report or a task as JSON can represent them."""

    def value_of(_: object, __: object, value: Any) -> Any:
        if isinstance(value, Cursor):
            return value.as_json()
        return value

    return attrs.asdict(message, value_serializer=value_of)


def orders_from_line(line: bytes) -> AlertOrders:
    found = json.loads(line)
    tasks = {name: decode_task(**task) for name, task in found["tasks"].items()}
    return AlertOrders(found["directory"], found["store"], tasks)


def decode_task(label: str, way: str, alert: dict[str, Any], begin: Any, until: Any) -> AlertTask:
    """Return a task of which `attrs.asdict` was written as JSON."""
    for name in ("alert_command", "alert_variable"):
        # JSON has given lists instead of tuples.
        alert[name] = alert[name] if alert[name] is None else tuple(alert[name])
    end = None if until is None else place_from_json(until)
    return AlertTask(label, way, AlertSettings(**alert), place_from_json(begin), end)


def report_from_line(line: bytes) -> AlertReport:
    return AlertReport(**json.loads(line))
