"""The `http` input: lines, JSON, and what clients of Loki, OTLP and Elasticsearch send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from twisted.internet.interfaces import ITCPTransport
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.kit.net.source import source_of
from logsrv.kit.observe.peer_log import ConnectionLog
from logsrv.kit.web.channel import REQUEST_SECONDS, Channel, ChannelFactory
from logsrv.linelog.inputs.http_request import InputRequest
from logsrv.linelog.inputs.http_ways import WAYS, Way
from logsrv.linelog.inputs.intake import BODIES, IDatagramReceiver, IInput, Intake


class InputChannel(Channel):
    """A connection of a sender; `working` while one of its requests is unanswered."""

    factory: HttpInputFactory
    working = False
    source = ""
    _held = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.source = self.factory.intake.source(source_of(self.transport))

    def dataReceived(self, data: bytes) -> None:
        self.factory.intake.received_bytes += len(data)
        super().dataReceived(data)

    def malformed(self) -> None:
        why = "refused: what it sends is no request of HTTP"
        self.factory.intake.drop(self.source, "protocol", why)

    def hold(self) -> None:
        """Read nothing more until `go_on`."""
        self._held = True
        cast(ITCPTransport, self.transport).pauseProducing()  # type: ignore[attr-defined]

    def begin_timeout(self) -> None:
        """Wait for the next request as long as for any."""
        self.setTimeout(REQUEST_SECONDS)

    def go_on(self) -> None:
        if self._held:
            self._held = False
            cast(ITCPTransport, self.transport).resumeProducing()  # type: ignore[attr-defined]

    def resumeProducing(self) -> None:
        # Its answers are read again; that is no reason to read more from it.
        if not self._held:
            super().resumeProducing()

    def timeoutConnection(self) -> None:
        if self._held:
            # It is the store that it waits for.
            self.setTimeout(self.timeOut)
        else:
            super().timeoutConnection()


class HttpInputFactory(ChannelFactory):
    """Connections of one listener; `held`: bytes of bodies that are kept for it.

    ways: what can be done at which path.
    """

    channel = InputChannel

    def __init__(self, intake: Intake, ways: Mapping[str, Sequence[Way]] = WAYS) -> None:
        super().__init__(intake.clock)
        self.ways = ways
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


@implementer(IInput)
class Http:
    """The input itself."""

    name = "http"

    def stream(self, intake: Intake) -> HttpInputFactory:
        return HttpInputFactory(intake)

    def datagrams(self, intake: Intake) -> IDatagramReceiver:
        raise ConfigurationError(
            "http: is spoken over connections; take for instance http:tcp:8088"
        )
