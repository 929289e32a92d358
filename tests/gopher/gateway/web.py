"""A web browser's side of the gateway, for tests: requests, and a look at what HTML says."""

from __future__ import annotations

import http.client
import socket
from html.parser import HTMLParser
from typing import Any

import attrs
from twisted.internet.threads import deferToThread

from logsrv.gopher.gateway.gateway import Gateway
from logsrv.gopher.service import Options
from logsrv.kit.testing.patience import PATIENCE

LOOPBACK = "tcp:0:interface=127.0.0.1"


@attrs.frozen
class Response:
    """What the gateway answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def page(self) -> Page:
        return Page.of(self.body)


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""

    @classmethod
    def of(cls, body: bytes) -> Page:
        page = cls()
        page.feed(body.decode())
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str, name: str) -> list[str]:
        """The values of an attribute of all elements that have it."""
        return [found[name] for element, found in self.elements if element == tag and name in found]


class Web:
    """A running gateway and requests to it; each blocks in a thread of its own."""

    def __init__(self, service: Gateway) -> None:
        self.service = service
        self.port = int(service.addresses[0].rpartition(":")[2])

    def get(self, path: str, method: str = "GET", **headers: str) -> Any:
        """A Deferred Response."""
        return deferToThread(fetch, self.port, path, method, headers)

    def connect(self, path: str) -> socket.socket:
        """A connection over which `path` has been asked for, and nothing has been read."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return connection

    def value(self, metric: str, **labels: str) -> float:
        return self.service.metrics.value(metric, **labels)


def fetch(
    port: int, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> Response:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, found, answer.read())
    finally:
        connection.close()


def gateway_service(*arguments: str, reactor: Any) -> Gateway:
    """The service for a command line; nothing is taken from the environment."""
    options = Options()
    options.environment = {}
    options.parseOptions(["--gateway", LOOPBACK, *arguments])
    return Gateway(options.settings, load=options.reload, reactor=reactor)
