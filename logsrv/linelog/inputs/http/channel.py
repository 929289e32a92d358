"""The `http` input: lines, JSON, and what clients of Loki, OTLP and Elasticsearch send."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import Request

from logsrv.kit.net.source import source_of
from logsrv.kit.net.twisted.http import body_left
from logsrv.kit.observe.peer_log import ConnectionLog
from logsrv.kit.web.channel import REQUEST_SECONDS, Channel, ChannelFactory
from logsrv.linelog.inputs.http.request import InputRequest
from logsrv.linelog.inputs.http.routes import ROUTES, Route
from logsrv.linelog.inputs.intake.connections import Input
from logsrv.linelog.inputs.intake.intake import BODIES, Intake

log = Logger()

# What is parsed in one step: it may be hundreds of chunks or entries, some 5 ms.
PIECE = 2 << 10


class InputChannel(Channel):
    """A connection of a sender. What it sends is parsed in steps, with turns for others between them.

    unanswered: whether a stop has to wait for one of its requests. at_once: returns how many bytes of the
    body that comes are little work.
    """

    factory: HttpInputFactory
    unanswered = False
    source = ""
    # What the request is told by the store, and our transport by a peer that lets answers lie.
    _held = _answers_lie = False
    # What is being done: a step, an answer, the end of one; whether nothing is taken in any more.
    _parsing = _answering = _replaying = _over = False
    # What has to wait until all that came is parsed: the end of what it sends, the end of the connection.
    _half_closed = False
    _lost: Failure | None = None
    _stopped = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._unread: deque[memoryview] = deque()
        self.at_once = _all
        self.source = self.factory.intake.source(source_of(self.transport))

    @property
    def working(self) -> bool:
        """Return true while a stop has to wait."""
        return self.unanswered or bool(self._unread)

    def dataReceived(self, data: bytes) -> None:
        if self._replaying:
            # It came behind the request that is answered now, and before what is unread.
            self._unread.appendleft(memoryview(data))
            return
        self.factory.intake.received_bytes += len(data)
        if not self._over:
            self._unread.append(memoryview(data))
            self._parse()

    def _parse(self) -> None:
        """Go on with what is unread, one request after the other."""
        if self._unread and not (self._parsing or self._answering):
            self._parsing = True
            self.factory.intake.turns.begin(self._steps(), self._parsed, again=True)
        self._settle()

    def _steps(self) -> Iterator[None]:
        while self._unread and not self._answering:
            data = self._unread.popleft()
            size = max(PIECE, min(self.at_once(), body_left(self)))
            if len(data) > size:
                self._unread.appendleft(data[size:])
            # HTTPChannel starts the time anew for each byte of the headers; here it goes on.
            LineReceiver.dataReceived(self, bytes(data[:size]))
            yield

    def _parsed(self, failure: Failure | None) -> None:
        self._parsing = False
        if failure is not None:
            log.failure("taking in what {source} sent failed", failure, source=self.source)
            self._unread.clear()
            self.abort()
        self._settle()

    def _settle(self) -> None:
        """Read from the peer only if nothing stands against it; and end what has ended."""
        if self._lost is not None:
            if not self._parsing:
                reason, self._lost = self._lost, None
                super().connectionLost(reason)
            return
        if not self.connected:
            return
        waiting = self._parsing or bool(self._unread)
        if self._half_closed and not (waiting or self._answering):
            self._half_closed = False
            super().readConnectionLost()
        if self._over:
            return
        wait = self._held or waiting
        transport = cast(ITCPTransport, self.transport)
        if wait:
            transport.pauseProducing()  # type: ignore[attr-defined]
        elif self._stopped and not self._answers_lie:
            transport.resumeProducing()  # type: ignore[attr-defined]
        self._stopped = wait

    def allContentReceived(self) -> None:
        self._answering = True
        super().allContentReceived()

    def go_on_behind(self, request: Request) -> None:
        self._answering = False
        self.at_once = _all
        self._replaying = True
        try:
            super().go_on_behind(request)
        finally:
            self._replaying = False
        self._parse()

    def loseConnection(self) -> None:
        self._over = True
        self._unread.clear()
        if self._stopped and self.connected:
            # What is read is dropped; but inside TLS the end of the peer has to be.
            self._stopped = False
            cast(ITCPTransport, self.transport).resumeProducing()  # type: ignore[attr-defined]
        super().loseConnection()

    def readConnectionLost(self) -> None:
        self._half_closed = True
        self._settle()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = reason
        self._settle()

    def malformed(self) -> None:
        why = "refused: what it sends is no request of HTTP"
        self.factory.intake.drop(self.source, "protocol", why)

    def hold(self) -> None:
        """Read nothing more until `go_on`."""
        self._held = True
        self._settle()

    def begin_timeout(self) -> None:
        """Wait for the next request as long as for any."""
        self.setTimeout(REQUEST_SECONDS)

    def go_on(self) -> None:
        if self._held:
            self._held = False
            self._settle()

    def pauseProducing(self) -> None:
        self._answers_lie = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._answers_lie = False
        super().resumeProducing()
        # Its answers are read again; that may be no reason to read more from it.
        self._settle()

    def timeoutConnection(self) -> None:
        if self._held or self._parsing:
            # It is for us that it waits.
            self.setTimeout(self.timeOut)
        else:
            super().timeoutConnection()


def _all() -> int:
    return sys.maxsize


class HttpInputFactory(ChannelFactory):
    """Connections of one listener; `held`: bytes of bodies that are kept for it.

    routes: what can be done at which path.
    """

    channel = InputChannel

    def __init__(self, intake: Intake, routes: Mapping[str, Sequence[Route]] = ROUTES) -> None:
        super().__init__(intake.clock)
        self.routes = routes
        self.intake = intake
        self.held = 0

    @property
    def most_held(self) -> int:
        return BODIES * self.intake.options.max_body

    @property
    def connection_log(self) -> ConnectionLog | None:  # type: ignore[override]
        return self.intake.connection_log

    def request(self, channel: Any) -> InputRequest:
        return InputRequest(channel, self.intake, self)


class Http(Input):
    """The input itself."""

    name = "http"
    no_datagrams = "HTTP needs connections, such as http:tcp:8088"

    def stream(self, intake: Intake) -> HttpInputFactory:
        return HttpInputFactory(intake)
