"""A connection as a stream, for `async def handle(connection)`.

async def handle(connection):
    async for line in connection:
        connection.send_line(line.upper())
        await connection.drain()
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from operator import attrgetter
from typing import Generic

from twisted.logger import Logger

from logsrv.kit.connections.source import host_of, port_of
from logsrv.kit.connections.start_tls import Certificate
from logsrv.kit.connections.tls import PeerCertificate
from logsrv.kit.connections.transports import end_output
from logsrv.kit.framing.incoming import Incoming
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols.awaiting import working
from logsrv.kit.protocols.connection import PeerConnection
from logsrv.kit.protocols.context import RunningService, Settings, State
from logsrv.kit.protocols.faults import PeerGone, check_text
from logsrv.kit.protocols.protocol import PeerProtocol
from logsrv.kit.protocols.starting_tls import start_tls
from logsrv.kit.protocols.states import OPEN
from logsrv.kit.protocols.stream_input import StreamInput


class Connection(StreamInput, Generic[Settings, State]):
    """A connection as a stream. It is closed when the function that got it returns or raises.

    service: the running service: `settings`, `state`, `metrics`, `clock`. clock: the service's.
    half_close: whether a peer that sends nothing more may still read. If not, the function is cancelled
        when the peer's input ends, unless it waits for input.
    max_unsent, patience: of the peer as a receiver, as in `PeerProtocol`.
    tell_errors: whether a dismissed peer is told the reason, in a line. False is for protocols whose
        peers read no text; then only the log has it.
    idle_words: the last line for a peer that --idle-timeout closes; None for none.

    Set these before the first `read_line`:
    encoding: of lines, both ways; bytes that are not text become U+FFFD.
    max_line: the most bytes of a line; by default the operator's --max-line.
    telnet: whether Telnet commands are removed from lines, and answered. Reads of bytes keep them.

    Bytes and lines may be read in any order; the results do not depend on how the network cut the
    bytes. With `timeout`, each read raises PeerTimeout after so many seconds of waiting for this peer.
    """

    half_close = True
    max_unsent = PeerProtocol.max_unsent
    patience = PeerProtocol.patience
    tell_errors = True
    idle_words: str | None = None

    def __init__(self, connection: PeerConnection) -> None:
        super().__init__(connection)
        self.service: RunningService[Settings, State] = connection.author.factory.service

    @property
    def peer(self) -> str:
        """The peer's name: `tcp:127.0.0.1:51234`; printable ASCII without spaces."""
        return self._connection.author.peer

    @property
    def peer_host(self) -> str | None:
        """The peer's IP address; behind a proxy the client's. None for a UNIX socket."""
        return host_of(self._connection.author.transport.getPeer())

    @property
    def peer_port(self) -> int | None:
        """The peer's port; None for a UNIX socket."""
        return port_of(self._connection.author.transport.getPeer())

    @property
    def listener(self) -> str:
        """The name of the listener through which the peer came, as in `listeners`; "" without one."""
        return self._connection.author.factory.listener_name

    @property
    def certificate(self) -> PeerCertificate | None:
        """The verified certificate that the peer has shown (`ssl:…:clientca=FILE`); None without one."""
        return self._connection.author.certificate

    @cached_property
    def log(self) -> Logger:
        """A Logger whose every message begins with the peer."""
        return PeerLogger(__name__, self.peer)

    @property
    def closed(self) -> bool:
        """Return true if either side has closed the connection: nothing can be sent any more."""
        return self._connection.state.sending is not OPEN

    async def ask(self, prompt: str = "", timeout: float | None = None) -> str:
        """Send `prompt` without a line ending, and return the next line.

        Raises PeerGone, which needs no handling, when the peer sends no more.
        """
        self._connection.send_text(prompt)
        line = await self.read_line(timeout)
        if line is None:
            raise PeerGone(f"{self.peer} sends nothing more")
        return line

    @property
    def encrypted(self) -> bool:
        """Return true if input and output go over TLS, or will after the handshake."""
        return self._connection.author.encrypted

    @property
    def can_start_tls(self) -> bool:
        """Return true if `start_tls` is possible: there is a certificate, and no TLS yet."""
        return self._connection.author.can_start_tls

    async def start_tls(
        self, certificate: Certificate | None = None, timeout: float | None = None
    ) -> None:
        """Begin TLS, after the peer was told to; all later input and output goes over it.

        certificate: for instance Twisted's CertificateOptions; by default the listener's. Raises
        PeerGone, which needs no handling, when the handshake fails, or the peer went on in plain text;
        with `timeout`, PeerTimeout after so many seconds; ConfigurationError without a certificate,
        RuntimeError with TLS already.
        """
        # Plain text that is still unread is refused, so reading must not stay paused because of it.
        self._pause_if_unread()
        await start_tls(self._connection, self._restart_reading, certificate, timeout)

    @property
    def discard_early_input(self) -> bool:
        # TLS begins: what came before it is dropped. A line that is skipped counts as well.
        return bool(self._incoming.take_all()) or self._incoming.skipping is not None

    def _restart_reading(self) -> Connection:
        self._incoming = Incoming(self._incoming.format)
        return self

    def send_line(self, text: str) -> None:
        """Send `text` and CR LF. It is dropped if the peer has gone."""
        self._connection.send_line(text)

    def write(self, data: bytes) -> None:
        """Send bytes unchanged."""
        self._connection.write(data)

    async def drain(self) -> None:
        """Wait until this peer, and each other that the function wrote to, has room for more.

        Raises PeerGone, which needs no handling, if the peer goes away instead.
        """
        if not self._connection.state.has_room:
            await self._connection.drain()

    async def end_output(self) -> bool:
        """Send all output, then tell the peer that nothing more comes; it may still send.

        Return False where that cannot be told: over TLS, and by some transports of other packages. Raises
        PeerGone.
        """
        await self.drain()
        return end_output(self._connection.author.transport)

    def read_always(self) -> None:
        """Read from the peer even while it does not take what is sent to it, as `relay` has to."""
        self._connection.read_always()

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, after all earlier output, then close the connection."""
        if last_words is not None:
            check_text(last_words, "close")
        self._connection.close(last_words)
        if working.get() is None:
            self._wake_reader()
        elif self._waiting is not None:
            # Other code closes a connection that waits, and its code may close the next: thousands in each
            # other's calls would exceed Python's limit.
            self.clock.callLater(0, self._wake_reader)


class StreamProtocol(PeerProtocol):
    """A protocol that calls a function with its connection. stream: that Connection."""

    stream: Connection

    def __init__(self, handle: Callable[[Connection], object]) -> None:
        self._handle = handle

    def connection_made(self) -> None:
        connection = self._connection or self._ensure_connection()
        connection.reader = self.stream = Connection(connection)
        result = self._handle(self.stream)
        if result is None:
            connection.close()
        else:
            connection.await_handle(result)

    def forget_peer_name(self) -> None:
        super().forget_peer_name()
        vars(self.stream).pop("log", None)

    def idle_words(self) -> str | None:
        return self.stream.idle_words

    half_close = property(attrgetter("stream.half_close"))  # type: ignore[assignment]
    max_unsent = property(attrgetter("stream.max_unsent"))  # type: ignore[assignment]
    patience = property(attrgetter("stream.patience"))  # type: ignore[assignment]
    tell_errors = property(attrgetter("stream.tell_errors"))  # type: ignore[assignment]
    encoding = property(attrgetter("stream.encoding"))  # type: ignore[assignment]
