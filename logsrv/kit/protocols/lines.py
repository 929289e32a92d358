"""The base class for protocols of lines over a connection.

class Shout(LineProtocol):
    def line_received(self, line):
        self.send_line(line.upper())
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import ParamSpec

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from logsrv.kit.framing.lines import LineFormat
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols.connection import GATHERED
from logsrv.kit.protocols.context import RunningService
from logsrv.kit.protocols.line_reader import LineReader
from logsrv.kit.protocols.protocol import PeerProtocol

P = ParamSpec("P")


class LineProtocol(PeerProtocol):
    """Lines in, lines out, as str; one object per connection.

    Override `line_received`, and `connection_made` and `connection_lost` if need be. Each of the
    three may be `async def`; then the next line waits for it, and so does the peer: nothing more is
    read.

    max_line: bytes a line may have, None: as the operator says with --max-line.
    delimiter: ends a line that is received; with LF a CR before it belongs to the ending.
    errors: "replace" puts U+FFFD where a line is not text in `encoding`, "reject" dismisses the peer.
    telnet: whether Telnet's commands are taken out of what is received, and answered.
    """

    max_line: int | None = None
    delimiter = b"\n"
    errors = "replace"
    telnet = True

    def line_received(self, line: str) -> object:
        """The peer sent a line; `line` is without its ending.

        When the peer sends nothing more, an unfinished last line comes as a line too.
        """
        raise NotImplementedError(f"{type(self).__name__} has no line_received")

    def line_too_long(self, limit: int) -> object:
        """The peer sent a line of more than `limit` bytes; they are dropped.

        Unless this is overridden, the peer is told so and the connection is closed.
        """
        (self._connection or self._connected()).dismiss(
            "line_too_long", f"a line is longer than {limit} bytes; closing the connection"
        )
        return None

    def line_not_text(self) -> object:
        """The peer sent a line that is not text in `encoding`; only with `errors = "reject"`.

        Unless this is overridden, the peer is told so and the connection is closed.
        """
        (self._connection or self._connected()).dismiss(
            "not_text", f"a line is not {self.encoding}; closing the connection"
        )
        return None

    @classmethod
    def line_format(cls, max_line: int) -> LineFormat:
        """Return what a line is, with the operator's `max_line`. Raises ValueError for what can't be."""
        return LineFormat(
            max_line=cls.max_line or max_line,
            delimiter=cls.delimiter,
            encoding=cls.encoding,
            errors=cls.errors,
            telnet=cls.telnet,
        )

    @property
    def service(self) -> RunningService:
        """The running service: `settings`, `state`, `metrics`, `clock`."""
        return self.factory.service

    @property
    def clock(self) -> IReactorTime:
        return self.service.clock

    @cached_property
    def log(self) -> Logger:
        """A Logger whose every message begins with the peer."""
        return PeerLogger(type(self).__module__, self.peer)

    def send_line(self, text: str) -> None:
        """Send `text` and a line ending. What is sent to a peer that has gone is dropped."""
        connection = self._connection
        if connection is None or (lines := connection.lines) is None:
            (connection or self._connected()).send_line(text)
            return
        # As there; one call less for each line is a tenth of what a line costs.
        connection.gathered += len(text)
        lines.append(text)
        if connection.gathered > GATHERED:
            connection.flush()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        (self._connection or self._connected()).write(data)

    def drain(self) -> Deferred[None]:
        """Fires when the peer has read enough for more to be written.

        Fails with PeerGone, which needs no handling, if it goes away instead.
        """
        return (self._connection or self._connected()).drain()

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, and all that was sent before, then close the connection.

        Nothing more is given to the plugin but `connection_lost`.
        """
        (self._connection or self._connected()).close(last_words)

    def later(
        self, seconds: float, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> IDelayedCall:
        """Call `function(…)` in so many seconds, if the connection lasts; gives what has `cancel()`."""
        return (self._connection or self._connected()).later(seconds, function, *args, **kwargs)

    def dataReceived(self, data: bytes) -> None:
        connection = self._connection or self._connected()
        if connection.reader is None:
            connection.reader = LineReader(self, connection)
        connection.received(data)
