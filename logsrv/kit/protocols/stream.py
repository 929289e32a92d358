"""A connection as a stream, for `async def handle(connection)`.

async def handle(connection):
    async for line in connection:
        connection.send_line(line.upper())
        await connection.drain()
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, Self, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.logger import Logger

from logsrv.kit.framing.incoming import Incoming, LineTooLong
from logsrv.kit.net.guard.start_tls import Certificate
from logsrv.kit.net.twisted.peer_certificate import PeerCertificate
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols.connection import PeerConnection
from logsrv.kit.protocols.context import RunningService, Settings, State
from logsrv.kit.protocols.faults import EndOfStream, PeerGone, PeerTimeout, check_text
from logsrv.kit.protocols.protocol import PeerProtocol
from logsrv.kit.protocols.starting_tls import start_tls
from logsrv.kit.protocols.states import AWAIT, FINISH, OPEN, STUCK

Result = TypeVar("Result")
# Nothing more is read from the peer while this much waits for the author.
READ_AHEAD = 64 * 1024


class Connection(Generic[Settings, State]):
    """A peer, as a stream. When the function that got it returns, or raises, the connection is closed.

    service: the running service: `settings`, `state`, `metrics`, `clock`. clock: that of the service.
    half_close: whether a peer that sends nothing more may still read. If not, the function is cancelled
        if it does not wait for the peer by then.
    tell_errors: whether a peer that is dismissed is told why, in a line. If not, only the log is: for
        protocols whose peers read no text.

    Settled by the first `read_line`:
    encoding: of the lines, both ways; what is not text becomes U+FFFD.
    max_line: bytes a line may have; the operator's --max-line.
    telnet: whether Telnet's commands are taken out of lines, and answered. Bytes are as they came.

    Bytes and lines may be read in any order; what a read gives does not depend on how the network
    cut them. With `timeout`, each read raises PeerTimeout after so many seconds.
    """

    encoding = "utf-8"
    telnet = True
    half_close = True
    tell_errors = True

    def __init__(self, connection: PeerConnection) -> None:
        context = connection.author.factory
        self.max_line = context.line_format.max_line
        self.service: RunningService[Settings, State] = context.service
        self.clock = self.service.clock
        self._connection = connection
        self._incoming = Incoming(context.line_format)
        self._reads_lines = False
        # True while the peer is made to wait, because too much is unread.
        self._holds_back = False
        # True if something came since the author's code began to wait.
        self._news = False
        # Fires when there is more to read, or the others have room to whom too much was written.
        self._waiting: Deferred[None] | None = None

    @property
    def peer(self) -> str:
        """The peer's name: `tcp:127.0.0.1:51234`; printable ASCII without spaces."""
        return self._connection.author.peer

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
            line = await self._read_on(self._take_line, None)
        if line is None:
            raise StopAsyncIteration
        return line

    @property
    def closed(self) -> bool:
        """Return true if the connection is closed, by either side: nothing can be sent any more."""
        return self._connection.state.sending is not OPEN

    async def read_line(self, timeout: float | None = None) -> str | None:
        """The next line without its ending (LF or CR LF), or None when the peer sends nothing more.

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
        return await self._read_on(self._take_line, timeout) if line is None else line

    async def read_exactly(self, number: int, timeout: float | None = None) -> bytes:
        """Read so many bytes as they came. Raises EndOfStream when the peer sends fewer.

        They all wait in memory: if the peer says how many it sends, look at the number first.
        """
        if number < 0:
            raise ValueError(f"read_exactly takes a number of bytes, not {number}")
        data = await self._read(lambda: self._incoming.take_exactly(number), timeout)
        if data is None:
            raise self._end(f"{number} bytes")
        return data

    async def read_until(
        self, separator: bytes, limit: int | None = None, timeout: float | None = None
    ) -> bytes:
        """Read up to `separator`, which is at the end of what is given; what is behind it stays.

        limit: the most bytes to read, the separator too; `max_line` if left out. Raises LineTooLong
        when it is not among them, EndOfStream when the peer ends without it.
        """
        if not separator:
            raise ValueError("read_until takes a separator of one byte or more")
        most = self.max_line if limit is None else limit
        data = await self._read(lambda: self._incoming.take_until(separator, most), timeout)
        if data is None:
            raise self._end(repr(separator))
        return data

    async def read_some(self, most: int = READ_AHEAD, timeout: float | None = None) -> bytes:
        """Read one to `most` bytes as they come; b"" when the peer sends nothing more."""
        if most < 1:
            raise ValueError(f"read_some takes one byte or more, not {most}")
        return await self._read(lambda: self._incoming.take_some(most), timeout) or b""

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
        """Return true if what is read and sent goes over TLS, or will when its handshake is done."""
        return self._connection.author.encrypted

    @property
    def can_start_tls(self) -> bool:
        """Return true if `start_tls` may be called: there is a certificate, and no TLS yet."""
        return self._connection.author.can_start_tls

    async def start_tls(
        self, certificate: Certificate | None = None, timeout: float | None = None
    ) -> None:
        """Begin TLS, when the peer was told to; all that is sent and read from now on goes over it.

        certificate: Twisted's CertificateOptions, say; the listener's if left out. Raises PeerGone,
        which needs no handling, when the handshake fails, or the peer went on in plain text; with
        `timeout`, PeerTimeout after so many seconds. ConfigurationError without a certificate,
        RuntimeError with TLS already.
        """
        # Nothing is to be held back because too much is unread: it is refused then.
        self._weigh()
        await start_tls(self._connection, self._read_anew, certificate, timeout)

    @property
    def ahead(self) -> bool:
        # A line that is skipped counts as well.
        return bool(self._incoming.take_all()) or self._incoming.skipping is not None

    def _read_anew(self) -> Connection:
        self._incoming = Incoming(self._incoming.format)
        return self

    def send_line(self, text: str) -> None:
        """Send `text` and CR LF. What is sent to a peer that has gone is dropped."""
        self._connection.send_line(text)

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.write(data)

    async def drain(self) -> None:
        """Wait until the peer, and whom else you have written to, has read enough for more.

        Raises PeerGone when it goes away instead; a function that does not handle that just ends.
        """
        await self._connection.drain()

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, and all that was sent before, then close the connection."""
        if last_words is not None:
            check_text(last_words, "close")
        self._connection.close(last_words)
        self._wake()

    # The methods of a `Reader`, for the connection.

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
            self._connection.call(self.advance, "handle")

    def advance(self) -> None:
        """Wake whoever waits for more. What is left then may be enough for now."""
        if self._news or self._connection.ended:
            self._wake()
        self._weigh()

    def lost(self) -> None:
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    async def _read(
        self, take: Callable[[], Result | None], timeout: float | None
    ) -> Result | None:
        """What `take` gives, as soon as it is there; None at the end. Raises PeerTimeout."""
        if self._connection.state.others is STUCK:
            await self._wait_for_others()
        result = take()
        if result is None:
            result = await self._read_on(take, timeout)
        self._weigh()
        return result

    async def _read_on(
        self, take: Callable[[], Result | None], timeout: float | None
    ) -> Result | None:
        """The same as `_read`, after `take` has given None."""
        deadline = None if timeout is None else self.clock.seconds() + timeout
        incoming = self._incoming
        result = None
        while result is None and not incoming.ended:
            if self._connection.ended:
                incoming.ended = True
            else:
                await self._more(deadline)
            result = take()
        return result

    async def _wait_for_others(self) -> None:
        """Wait until those have room whom the author writes to; how long they have is bounded."""
        while self._connection.state.others is STUCK and not self.closed:
            await self._more(None, news=True)

    async def _more(self, deadline: float | None, *, news: bool = False) -> None:
        """Wait until something came, or the end. Raises PeerTimeout.

        news: whether whoever waits is woken as soon as the connection is not held back.
        """
        if self._waiting is not None:
            raise RuntimeError("two readers wait for one connection")
        self._news = news
        self._waiting = waiting = Deferred[None]()
        self._weigh()
        if deadline is not None:
            waiting.addTimeout(max(0.0, deadline - self.clock.seconds()), self.clock)
        try:
            await waiting
        except DeferredTimeout:
            self._waiting = None
            raise PeerTimeout(self.peer) from None

    def _take_line(self) -> str | None:
        """The next line if it is there; at the end, the unfinished one. Raises LineTooLong."""
        try:
            line = self._incoming.take_line()
        except LineTooLong:
            self._connection.author.factory.oversize_lines += 1
            raise
        if self._incoming.answers:
            answers, self._incoming.answers = self._incoming.answers, b""
            self._connection.write(answers)
        return line

    def _end(self, wanted: str) -> EndOfStream:
        return EndOfStream(self.peer, wanted, self._incoming.take_all())

    def _weigh(self) -> None:
        """Have the peer wait while much is unread and nobody waits for more."""
        much = self._waiting is None and len(self._incoming) >= READ_AHEAD
        if much is not self._holds_back:
            self._holds_back = much
            self._connection.tell(AWAIT if much else FINISH)


class StreamedConnection(PeerConnection):
    """A connection whose peer is told why it is dismissed if the author's function wants that."""

    __slots__ = ()

    def _last_words(self, sentence: str) -> list[Any]:
        stream: Connection = self.author.stream  # type: ignore[attr-defined]
        if stream.tell_errors:
            return super()._last_words(sentence)
        self._log_cut(sentence)
        return []


class StreamProtocol(PeerProtocol):
    """Gives a function its connection, which is `stream`."""

    stream: Connection
    _make_connection = StreamedConnection

    def __init__(self, handle: Callable[[Connection], object]) -> None:
        self._handle = handle

    def connection_made(self) -> None:
        connection = self._connection or self._connected()
        connection.reader = self.stream = Connection(connection)
        result = self._handle(self.stream)
        if result is None:
            connection.close()
        else:
            connection.work_to_the_end(result)

    def know_peer(self) -> None:
        super().know_peer()
        vars(self.stream).pop("log", None)

    @property
    def half_close(self) -> bool:  # type: ignore[override]
        return self.stream.half_close

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding
