"""Senders to the HTTP input in memory, and what they send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.linelog.intake import turns
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.intake.over_http import input as http
from logsrv.linelog.intake.over_http.input import Http, HttpInputFactory
from logsrv.linelog.lines.rules import LineRules
from tests.parts.sinks import Sink, intake


class Transport(StringTransport):
    aborted = gone = False

    def getHost(self) -> Any:
        if self.gone:
            raise AttributeError("'AcceptedTCP' object has no attribute 'socket'")
        return super().getHost()

    def abortConnection(self) -> None:
        self.aborted = True


class Sender:
    """A connection to a listener of its own, or to that of another sender."""

    def __init__(self, other: Sender | None = None, **options: Any) -> None:
        self.sink: Sink = other.sink if other else Sink()
        rules = LineRules(
            **{key: options.pop(key) for key in ("oversize", "max_line") if key in options}
        )
        self.intake: Intake = (
            other.intake if other else intake(self.sink, rules, options=InputOptions(**options))
        )
        self.factory: HttpInputFactory = other.factory if other else Http().stream(self.intake)
        self.clock: Any = self.intake.clock
        self.transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.1", 5))
        self.channel: Any = self.factory.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def post(self, body: bytes, path: str = "/", method: str = "POST", **headers: str) -> None:
        self.send(request(body, path, method, **headers))

    def answers(self) -> list[tuple[int, Any]]:
        """The status and the body of each answer since the last look."""
        text = self.transport.value()
        self.transport.clear()
        found = []
        while text:
            head, _, text = text.partition(b"\r\n\r\n")
            size = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            self.head = head
            body, text = text[:size], text[size:]
            found.append((int(head.split()[1]), json.loads(body) if body else None))
        return found

    def leave(self) -> None:
        self.transport.gone = True
        self.channel.connectionLost(Failure(ConnectionDone()))


def request(body: bytes, path: str = "/", method: str = "POST", **headers: str) -> bytes:
    given = {"Host": "x", "Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{key}: {value}" for key, value in given.items() if value),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*pieces: bytes) -> bytes:
    head = request(b"", Content_Length="", Transfer_Encoding="chunked")
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def slowly(monkeypatch: pytest.MonkeyPatch, piece: int = http.PIECE) -> None:
    """Let each piece take a turn of the reactor, and a request be parsed in small pieces."""
    monkeypatch.setattr(turns, "LONG", -1.0)
    monkeypatch.setattr(http, "PIECE", piece)


def refused(sender: Sender, reason: str) -> float:
    """How many records were counted that are not stored."""
    metrics: Any = sender.intake.metrics
    number: float = metrics.value("records_refused_total", listener="tcp:1234", reason=reason)
    return number
