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
from typing import Any, Generic, Self, TypeVar

import attrs
from twisted.logger import Logger

from logsrv.kit.connections.source import host_of, port_of
from logsrv.kit.connections.start_tls import Certificate
from logsrv.kit.connections.tls import PeerCertificate
from logsrv.kit.connections.transports import end_output
from logsrv.kit.framing.incoming import Incoming, LineTooLong
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols.awaiting import ReusableDeferred, working
from logsrv.kit.protocols.connection import PeerConnection
from logsrv.kit.protocols.context import RunningService, Settings, State
from logsrv.kit.protocols.faults import EndOfStream, PeerGone, PeerTimeout, check_text
from logsrv.kit.protocols.protocol import PeerProtocol
from logsrv.kit.protocols.starting_tls import start_tls
from logsrv.kit.protocols.states import AWAIT, FINISH, OPEN, STUCK

Result = TypeVar("Result")
# Nothing more is read from the peer while this much waits for the protocol.
READ_AHEAD = 64 * 1024


class Connection(Generic[Settings, State]):
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

    encoding = "utf-8"
    telnet = True
    half_close = True
    max_unsent = PeerProtocol.max_unsent
    patience = PeerProtocol.patience
    tell_errors = True
    idle_words: str | None = None

    def __init__(self, connection: PeerConnection) -> None:
        context = connection.author.factory
        self.max_line = context.line_format.max_line
        self.service: RunningService[Settings, State] = context.service
        self.clock = self.service.clock
        self._connection = connection
        self._incoming = Incoming(context.line_format)
        self._reads_lines = False
        # True while reading from the peer is paused, because too much is unread.
        self._holds_back = False
        # True if `advance` may wake the code that waits: input has come since, or it waits only until other
        # peers have room.
        self._news = False
        # Fires when there is more to read, or when the peers that had too much to read have room.
        self._waiting: ReusableDeferred | None = None
        self._wake_up = ReusableDeferred()

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

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        # The same as `read_line`: its coroutine would add a fifth to the cost of a line.
        if self._connection.state.others is STUCK:
            await self._wait_for_others()
        line = self._take_line() if self._reads_lines else await self.read_line()
        if line is None:
            line = await self._read_with_more_input(None, self._take_line)
        if line is None:
            raise StopAsyncIteration
        return line

    @property
    def closed(self) -> bool:
        """Return true if either side has closed the connection: nothing can be sent any more."""
        return self._connection.state.sending is not OPEN

    async def read_line(self, timeout: float | None = None) -> str | None:
        """Return the next line without its ending (LF or CR LF), or None at the end of input.

        An unfinished last line is a line. Raises LineTooLong for one of more than `max_line` bytes.
        """
        if not self._reads_lines:
            self._reads_lines = True
            self._incoming.format = attrs.evolve(
                self._incoming.format,
                encoding=self.encoding,
                max_line=self.max_line,
                telnet=self.telnet,
            )
        if self._connection.state.others is STUCK:
            await self._wait_for_others()
        line = self._take_line()
        return await self._read_with_more_input(timeout, self._take_line) if line is None else line

    async def read_exactly(self, number: int, timeout: float | None = None) -> bytes:
        """Read exactly `number` bytes. Raises EndOfStream when the peer sends fewer.

        They all wait in memory, so check a number that the peer gave.
        """
        if number < 0:
            raise ValueError(f"read_exactly takes a number of bytes, not {number}")
        if self._connection.state.others is STUCK:
            await self._wait_for_others()
        data = self._incoming.take_exactly(number)
        if data is None:
            data = await self._read_with_more_input(timeout, self._incoming.take_exactly, number)
            if data is None:
                raise self._end_error(f"{number} bytes")
        if self._holds_back:
            self._pause_if_unread()
        return data

    async def read_until(
        self, separator: bytes, limit: int | None = None, timeout: float | None = None
    ) -> bytes:
        """Read up to and including `separator`; later reads get the bytes after it.

        limit: the most bytes, with the separator; by default `max_line`. Raises LineTooLong when the
        separator is not among them, EndOfStream when the peer ends without it.
        """
        if not separator:
            raise ValueError("read_until takes a separator of one byte or more")
        most = self.max_line if limit is None else limit
        if self._connection.state.others is STUCK:
            await self._wait_for_others()
        data = self._incoming.take_until(separator, most)
        if data is None:
            data = await self._read_with_more_input(
                timeout, self._incoming.take_until, separator, most
            )
            if data is None:
                raise self._end_error(repr(separator))
        if self._holds_back:
            self._pause_if_unread()
        return data

    async def read_some(self, most: int = READ_AHEAD, timeout: float | None = None) -> bytes:
        """Read one to `most` bytes as they come; b"" when the peer sends nothing more."""
        if most < 1:
            raise ValueError(f"read_some takes one byte or more, not {most}")
        if self._connection.state.others is STUCK:
            await self._wait_for_others()
        data = self._incoming.take_some(most)
        if data is None:
            data = await self._read_with_more_input(timeout, self._incoming.take_some, most)
        if self._holds_back:
            self._pause_if_unread()
        return data or b""

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

    def take_rest(self) -> bytes:
        """Return what has come and was not read."""
        return self._incoming.take_all()

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

    # The methods of an `InputReader`, for the connection.

    # The author's code may wait for the end.
    spent = False
    waits_by_itself = True

    @property
    def waiting(self) -> bool:
        return self._waiting is not None

    @property
    def exhausted(self) -> bool:
        # The author's code may never ask for the rest.
        return True

    def received(self, data: bytes) -> None:
        self._incoming.receive(data)
        self._news = True
        if self._connection.state.ready:
            self._connection.call_author(self.advance, "handle")

    def advance(self) -> None:
        """Wake a waiting read, and pause the peer again if too much stays unread."""
        waiting = self._waiting
        if waiting is not None and (self._news or self._connection.state.ended):
            self._waiting = None
            waiting.fire()
        if self._waiting is None or self._holds_back:
            self._pause_if_unread()

    def lost(self) -> None:
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.fire()

    async def _read_with_more_input(
        self, timeout: float | None, take: Callable[..., Result | None], *wanted: Any
    ) -> Result | None:
        """Return the next result of `take(*wanted)`, which has given None; None at the end of input.

        Raises PeerTimeout.
        """
        incoming = self._incoming
        result = timer = waiting = None
        if timeout is not None:
            timer = self.clock.callLater(max(0.0, timeout), self._wake_reader)
        try:
            while result is None and not incoming.ended:
                if self._connection.state.ended:
                    incoming.ended = True
                else:
                    waiting = self._wait_for_input()
                    await waiting
                    if timer is not None and not timer.active():
                        raise PeerTimeout(self.peer)
                result = take(*wanted)
        finally:
            if waiting is not None and self._waiting is waiting:
                self._waiting = None
            if timer is not None and timer.active():
                timer.cancel()
        return result

    async def _wait_for_others(self) -> None:
        """Wait until the peers that the protocol writes to have room; `patience` bounds the time."""
        while self._connection.state.others is STUCK and not self.closed:
            waiting = self._wait_for_input(news=True)
            try:
                await waiting
            finally:
                if self._waiting is waiting:
                    self._waiting = None

    def _wait_for_input(self, *, news: bool = False) -> ReusableDeferred:
        """Return an awaitable for more input, or its end. Raises RuntimeError if two wait.

        news: whether it returns as soon as the connection is not held back.
        """
        if self._waiting is not None:
            raise RuntimeError("two readers wait for one connection")
        self._news = news
        if self._wake_up.called:
            self._wake_up = ReusableDeferred()
        self._waiting = self._wake_up
        if self._holds_back:
            self._pause_if_unread()
        return self._wake_up

    def _take_line(self) -> str | None:
        """Return the next complete line; at the end, an unfinished one. Raises LineTooLong."""
        try:
            line = self._incoming.take_line()
        except LineTooLong:
            self._connection.author.factory.oversize_lines += 1
            raise
        if self._incoming.answers:
            answers, self._incoming.answers = self._incoming.answers, b""
            self._connection.write(answers)
        return line

    def _end_error(self, wanted: str) -> EndOfStream:
        return EndOfStream(self.peer, wanted, self._incoming.take_all())

    def _pause_if_unread(self) -> None:
        """Pause reading from the peer while much is unread and no read waits."""
        much = len(self._incoming) >= READ_AHEAD and self._waiting is None
        if much is not self._holds_back:
            self._holds_back = much
            self._connection.change_state(AWAIT if much else FINISH)


class StreamedConnection(PeerConnection):
    """A connection that tells a dismissed peer the reason, unless `tell_errors` is false."""

    __slots__ = ()

    def _dismissal_lines(self, sentence: str) -> list[Any]:
        stream: Connection = self.author.stream  # type: ignore[attr-defined]
        if stream.tell_errors:
            return super()._dismissal_lines(sentence)
        self._log_cut(sentence)
        return []


class StreamProtocol(PeerProtocol):
    """A protocol that calls a function with its connection. stream: that Connection."""

    stream: Connection
    _make_connection = StreamedConnection

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
    encoding = property(attrgetter("stream.encoding"))  # type: ignore[assignment]
