"""The alerts of a server as its page asks for them: the part of alerts, the web server and a browser."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.alerts.alert_part import AlertPart
from logsrv.linelog.alerts.alert_protocol import (
    AlertOrders,
    AlertReport,
    encode_message,
    orders_from_line,
)
from logsrv.linelog.alerts.alert_settings import AlertOptions, AlertSettings
from logsrv.linelog.http.http_part import HttpPart
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.server import WebServer
from logsrv.linelog.parts.work import PartContext
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.segment import Position
from tests.parts.clocks import HandClock
from tests.parts.stores import BEGIN, lines, make_store
from tests.parts.web_requests import Browser, Reactor

TYPE = "application/json"


def options(*alerts: AlertSettings, **more: Any) -> AlertOptions:
    """Return options of alerts with a command as the general way."""
    return AlertOptions(alerts=alerts, **({"alert_command": ("true",)} | more))


class AlertPage:
    """A server with these options of alerts; the time of day is BEGIN.

    reactor: of both; its processes are in `reactor.processes`.
    """

    def __init__(self, directory: Path, given: AlertOptions | None = None, **http: Any) -> None:
        self.file = directory / "alerts.json"
        self.store = directory / "store"
        if not self.store.exists():
            make_store(self.store, [lines(["a"])])
        self.reactor = Reactor()
        self.clock = HandClock(time_of_day=BEGIN)
        self.metrics = Metrics(METRICS, HttpPart.metrics, AlertPart.metrics)
        self.end = Position(1, 100)
        self.context = PartContext(
            directory=lambda: str(self.store),
            identity=lambda: "ab" * 16,
            position=lambda: self.end,
            totals=dict,
            hold=lambda holds: None,
            unhealthy=list,
            unready=list,
            clock=self.clock,
            reactor=self.reactor,
            metrics=self.metrics,
            endpoints=lambda: list(self.part.endpoints()),
        )
        self.given = options(alert_saved=self.file) if given is None else given
        self.part = AlertPart(self.context, self.given)
        self.part.prepare(self.given)
        self.part.apply(self.given)
        self.server = WebServer(
            self.context.directory,
            HttpSettings(),
            position=self.context.position,
            unhealthy=list,
            unready=list,
            totals=dict,
            metrics=self.metrics,
            reactor=self.reactor,
            endpoints=self.context.endpoints(),
        )
        self.server.apply(HttpSettings(**http))

    def reload(self, **more: Any) -> None:
        """Apply other options."""
        self.given = attrs.evolve(self.given, **more)
        self.part.prepare(self.given)
        self.part.apply(self.given)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Browser:
        """Send a request; the answer may still be to come."""
        browser = Browser(self.server.handle, self.reactor)
        if body is None:
            browser.get(path, method, **headers)
            return browser
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content_Type": TYPE, "Content_Length": str(len(data))} | headers
        browser.get(path, method, **given)
        browser.channel.dataReceived(data)
        return browser

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        return answer_of(self.send(method, path, body, **headers))

    def put(self, name: str, text: object, **headers: str) -> tuple[int, Any]:
        return self.ask("PUT", f"/api/alerts/{quote(name, safe='')}", {"alert": text}, **headers)

    def remove(self, name: str) -> tuple[int, Any]:
        return self.ask("DELETE", f"/api/alerts/{quote(name, safe='')}")

    @property
    def listed(self) -> Any:
        """The answer of /api/alerts."""
        status, found = self.ask("GET", "/api/alerts")
        assert status == 200, found
        return found

    def row(self, name: str) -> Any:
        """The alert of a name in the list."""
        [found] = [one for one in self.listed["alerts"] if one["name"] == name]
        return found

    @property
    def orders(self) -> AlertOrders:
        """The orders of the alert process."""
        return orders_from_line(self.reactor.processes[-1].said[-1])

    @property
    def running(self) -> dict[str, str]:
        """The texts of the alerts that the process watches for, by their labels."""
        tasks = self.orders.tasks.values()
        return {one.label: one.alert.alert for one in tasks if one.until is None}

    def report(self, report: AlertReport) -> None:
        """Let the alert process say so."""
        self.reactor.processes[-1].say(encode_message(report))


def answer_of(browser: Browser) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    head, _, body = browser.received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)
