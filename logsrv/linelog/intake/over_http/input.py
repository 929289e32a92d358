"""The `http` input: its connections; the formats are those that `HTTP_FORMATS` finds.

Bytes that came before the sender's end are taken in first, and answered if possible.
"""

from __future__ import annotations

import enum
from typing import Any, cast

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import Request

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.source import source_of
from logsrv.kit.observe.peer_log import ConnectionLog
from logsrv.kit.web.channel import (
    REQUEST_SECONDS,
    Channel,
    ChannelFactory,
    body_bytes_left,
    take_pipelined,
)
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.interfaces import IInput
from logsrv.linelog.intake.over_http.http_format import HTTP_FORMATS, HttpFormat, IHttpFormat
from logsrv.linelog.intake.over_http.installed_routes import (
    checked_routes,
    http_routes,
    require_distinct_paths,
)
from logsrv.linelog.intake.over_http.request import InputRequest
from logsrv.linelog.intake.over_http.routes import (
    Routes,
)
from logsrv.state_table import state_table

# Bytes parsed in one step: they may be hundreds of chunks or entries, which take some 5 ms.
PIECE = 2 << 10
# The first line of HTTP/2 (RFC 9113, section 3.4), which a client sends without asking.
_PREFACE = b"PRI * HTTP/2.0"
_HTTP2 = (
    "refused: it speaks HTTP/2, as gRPC does; set its exporter to OTLP over HTTP (http/protobuf), or to"
    " HTTP/1.1"
)


class PauseReason(enum.Flag):
    """Reasons not to read from the sender, in addition to unparsed bytes."""

    NOTHING = 0
    STORE = enum.auto()
    ANSWERS = enum.auto()
    """The sender does not read its answers."""


ENDING = state_table(
    {
        "OPEN": {"half": "HALFCLOSED", "close": "CLOSING", "lose": "LOST"},
        # The sender has closed its half. Reading may go on, and reach the same end.
        "HALFCLOSED": {"half": "HALFCLOSED", "close": "CLOSING", "lose": "LOST"},
        # We close: later bytes are dropped.
        "CLOSING": {"close": "CLOSING", "lose": "LOST"},
        # A request that was parsed after the end closes the connection. Then its requests are notified.
        "LOST": {"close": "LOST", "tell": "GONE"},
        "GONE": {},
    }
)
"""The states of the connection's end: for each the events, and the state after each event."""


class InputChannel(Channel):
    """A connection of a sender."""

    factory: HttpInputFactory
    source = ""
    _ending_state = "OPEN"
    _waits = PauseReason.NOTHING
    # The request for which STORE holds.
    _holder: Request | None = None
    _paused = False
    _reason = connectionDone
    # True while bytes are parsed; and while a request is whole, and later bytes wait for its answer.
    _is_parsing = False
    _is_answering = False
    _speaks_http2 = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._unread: list[memoryview] = []
        self.source = self.factory.intake.source(source_of(self.transport))
        self._host = super().getHost()

    def getHost(self) -> Any:
        """Return the listener's address; a request parsed after the end needs it without a socket."""
        return self._host

    @property
    def working(self) -> bool:
        """Return true while a stop has to wait for this connection."""
        return bool(self._unread) or any(request.working for request in self.requests)

    @property
    def peer_waits(self) -> bool:
        """Return true while the peer waits for the answer to a whole request: it is not idle."""
        return self._is_answering

    def _advance_ending(self, event: str) -> None:
        self._ending_state = ENDING[self._ending_state][event]

    def dataReceived(self, data: bytes) -> None:
        self.factory.intake.received_bytes += len(data)
        if self._ending_state != "CLOSING":
            self._unread.append(memoryview(data))
            self._parse_unread()

    def _parse_unread(self) -> None:
        """Parse the unread bytes, one request after the other, now or in a later turn."""
        turns = self.factory.intake.turns
        if self._unread and not (self._is_parsing or self._is_answering or self in turns):
            if turns.is_spent:
                turns.wait(self)
            else:
                self.take_turn()
        self._update_reading()

    def take_turn(self) -> None:
        """Parse unread bytes until a request is whole, or others have a turn."""
        self._is_parsing = True
        try:
            # While the store takes nothing, requests are refused, and questions answered.
            self.factory.intake.turns.run(self, self._parse_piece, while_closed=True)
        except (Exception, SystemExit):
            self.factory.intake.refuse_as_failed("taking in data", self.source)
            self._unread.clear()
            self.abort()
        self._is_parsing = False
        self._update_reading()

    def _parse_piece(self) -> bool:
        """Parse some bytes; return false if there are none to parse now."""
        if not self._unread or self._is_answering:
            return False
        data = self._unread.pop(0)
        size = PIECE
        for request in self.requests:
            size = max(size, min(request.missing_bytes(), body_bytes_left(self)))
        if len(data) > size:
            self._unread.insert(0, data[size:])
        # Not HTTPChannel's method: that restarts the time-out for each byte of the headers.
        LineReceiver.dataReceived(self, bytes(data[:size]))
        for request in self.requests:
            request.store_whole()
        return True

    @property
    def _is_busy(self) -> bool:
        """Return whether bytes are being parsed, or wait for a turn."""
        return self._is_parsing or self in self.factory.intake.turns

    def _update_reading(self) -> None:
        """Pause or resume reading, and carry out an end that is due."""
        if self._ending_state == "LOST" and not self._is_busy:
            self._advance_ending("tell")
            super().connectionLost(self._reason)
        idle = not (self._is_busy or self._is_answering or self._unread)
        if self._ending_state == "HALFCLOSED" and idle:
            super().readConnectionLost()
        if self.connected and self._ending_state in ("OPEN", "HALFCLOSED"):
            self._set_paused(self._is_busy or bool(self._unread) or bool(self._waits))

    def _set_paused(self, pause: bool) -> None:
        transport = cast(ITCPTransport, self.transport)
        if pause:
            transport.pauseProducing()  # type: ignore[attr-defined]
        elif self._paused:
            transport.resumeProducing()  # type: ignore[attr-defined]
        self._paused = pause

    def allContentReceived(self) -> None:
        self._is_answering = True
        super().allContentReceived()

    def read_next_request(self, request: Request) -> None:
        # These bytes came after the answered request, and before the unread ones.
        behind = take_pipelined(self)
        if behind:
            self._unread.insert(0, memoryview(behind))
        super().read_next_request(request)
        self._is_answering = False
        self._parse_unread()

    def loseConnection(self) -> None:
        self._advance_ending("close")
        self._unread.clear()
        if self.connected and PauseReason.ANSWERS not in self._waits:
            # Bytes are dropped from now on, but under TLS the peer's end must be read.
            self._set_paused(False)
        super().loseConnection()

    def readConnectionLost(self) -> None:
        if self._ending_state == "CLOSING":
            super().readConnectionLost()
            return
        self._advance_ending("half")
        self._update_reading()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._reason = reason
        self._advance_ending("lose")
        self._update_reading()

    def lineReceived(self, line: bytes) -> None:
        if line == _PREFACE:
            self._speaks_http2 = True
            self._respondToBadRequestAndDisconnect()
        else:
            super().lineReceived(line)

    def note_malformed(self) -> None:
        why = _HTTP2 if self._speaks_http2 else "refused: it sent no valid HTTP request"
        self.factory.intake.drop(self.source, "protocol", why)

    def hold_reading(self, request: Request) -> None:
        """Read nothing until `resume_reading` is called for this request."""
        self._holder = request
        self._waits |= PauseReason.STORE
        self._update_reading()

    def resume_reading(self, request: Request) -> None:
        """End the hold of this request; that of another one remains."""
        if self._holder is request:
            self._holder = None
            self._waits &= ~PauseReason.STORE
            self._update_reading()

    def restart_timeout(self) -> None:
        """Restart the usual time-out for the next request."""
        self.setTimeout(REQUEST_SECONDS)

    def pauseProducing(self) -> None:
        self._waits |= PauseReason.ANSWERS
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._waits &= ~PauseReason.ANSWERS
        super().resumeProducing()
        # Other reasons may still forbid reading.
        self._update_reading()

    def timeoutConnection(self) -> None:
        if PauseReason.STORE in self._waits or self._is_busy:
            # The sender is not silent: we do not read from it.
            self.setTimeout(self.timeOut)
        else:
            super().timeoutConnection()


class HttpInputFactory(ChannelFactory):
    """The factory of one listener. routes: the routes of each path."""

    channel = InputChannel

    def __init__(self, intake: Intake, routes: Routes) -> None:
        super().__init__(intake.clock)
        self.routes = routes
        self.intake = intake

    @property
    def connection_log(self) -> ConnectionLog | None:  # type: ignore[override]
        return self.intake.connection_log

    def request(self, channel: Any) -> InputRequest:
        return InputRequest(channel, self.intake, self.routes)


class Http(Input):
    """The `http` input. tried: a format that may not be installed, as in a test."""

    name = "http"
    no_datagrams = "HTTP needs connections, such as http:tcp:8088"

    def __init__(self, tried: HttpFormat | None = None) -> None:
        self._tried = tried

    def stream(self, intake: Intake) -> HttpInputFactory:
        return HttpInputFactory(intake, http_routes(self._tried))


def input_of(tried: Any) -> IInput | None:
    """Return an input, or the `http` input with a format; None for an object that is neither.

    Raises ConfigurationError for a format whose routes cannot be made, or are those of a format of ours.
    """
    over_http: Any = tried if IHttpFormat.providedBy(tried) else None
    if over_http is None:
        return tried if IInput.providedBy(tried) else None
    try:
        checked_routes(over_http)
    except TypeError as error:
        raise ConfigurationError(f"{over_http.name}: {error}") from None
    # A test is about this format, whatever else is installed where it runs; ours are everywhere.
    ours = {**HTTP_FORMATS.ours(), over_http.name: over_http}
    require_distinct_paths(ours.values())
    return Http(over_http)
