"""A request and its answer on one connection: the thin Protocol under `GopherClient`.

    handshake (TLS only) ──► waiting for the first byte ──► opened ──► ended

What arrives waits in a queue for the reader; past HIGH_WATER bytes the transport is paused, so the
server feels a slow reader and memory stays small. Time-outs count only the server's silence.
"""

from __future__ import annotations

from collections import deque
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.settings import Timeouts
from logsrv.gopher.fetch.trust import TLS_CUT, Trust
from logsrv.gopher.wire.errors import GopherError, TimedOut
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.url import GopherURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.wire.errors import Phase

HIGH_WATER = 512 * 1024


class IPausableTransport(ITCPTransport, IPushProducer):
    """A transport as TCP and TLS of Twisted have it."""


@implementer(IHandshakeListener)
class Exchange(Protocol):
    """Sends `request` when it may, and queues the body of the answer.

    opened: fires with None once it is certain that the answer is content, fails if it is not.
    ended: fires with None when the connection is no longer needed, however that came.
    """

    transport: IPausableTransport | None = None

    def __init__(
        self,
        clock: IReactorTime,
        url: GopherURL,
        request: bytes,
        reader: ResponseReader,
        timeouts: Timeouts,
        trust: Trust,
    ) -> None:
        self._clock = clock
        self._url = url
        self._request = request
        self._timeouts = timeouts
        self._trust = trust
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._paused = False
        self._timer: IDelayedCall | None = None
        self._whole_timer: IDelayedCall | None = None
        self._waiting: Deferred[None] | None = None
        self._error: BaseException | None = None
        self._secured = not url.tls
        self._is_open = False
        self._is_ended = False
        self.reader = reader
        self.opened: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    # What Twisted calls.

    def connectionMade(self) -> None:
        if self._secured:
            self._send()
        else:
            self._wait("connect", self._timeouts.connect)

    def handshakeCompleted(self) -> None:
        # Imported when TLS is: OpenSSL takes a third of the start of a plain request.
        from logsrv.gopher.fetch.tls import check_peer

        try:
            check_peer(self._trust, self._url, cast(ISSLTransport, self.transport))
        except (LogsrvError, OSError) as error:
            self._end(error)
            return
        self._secured = True
        self._send()

    def dataReceived(self, data: bytes) -> None:
        if self._is_ended:
            return
        if self.reader.received and self._timer is not None:
            self._timer.reset(self._timeouts.between)
        elif not self._paused:
            self._wait("next byte", self._timeouts.between)
        try:
            self._queue_up(self.reader.feed(data))
        except GopherError as error:
            self._end(error)
            return
        if self.reader.opened:
            self._open()
        if self.reader.complete:
            self._end(None)
        elif self._queued > HIGH_WATER and not self._paused:
            self._paused = True
            self._stop_waiting()
            assert self.transport is not None
            self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.transport = None
        if self._is_ended:
            return
        reason = _cause(reason)
        if not self._secured:
            from logsrv.gopher.fetch.tls import handshake_error

            assert reason.value is not None
            self._end(handshake_error(self._url, reason.value))
            return
        try:
            self._queue_up(self.reader.finish())
        except GopherError as error:
            self._end(error)
            return
        if reason.check(ConnectionDone) is not None:
            self._end(None)
        elif not self._url.tls:
            self._end(self.reader.broken("the connection was reset"))
        else:
            accepted = self._trust.accept_cut and self.reader.received
            self._end(None if accepted else self.reader.broken(TLS_CUT))

    # What the response calls.

    def limit_whole(self) -> None:
        """Give the whole answer `Timeouts.whole` seconds from now on."""
        if not self._is_ended:
            self._whole_timer = self._clock.callLater(
                self._timeouts.whole, self._timed_out, "whole", self._timeouts.whole
            )

    async def next_chunk(self) -> bytes:
        """The next part of the body, b"" at its end. Raises what ended the answer too early, after
        everything that came before it was handed out.
        """
        while not self._queue:
            if self._is_ended:
                if self._error is not None:
                    raise self._error
                return b""
            self._waiting = Deferred()
            try:
                await self._waiting
            finally:
                self._waiting = None
        chunk = self._queue.popleft()
        self._queued -= len(chunk)
        if self._paused and not self._queue:
            self._paused = False
            if not self._is_ended:
                assert self.transport is not None
                self._wait("next byte", self._timeouts.between)
                self.transport.resumeProducing()
        return chunk

    def close(self, error: BaseException | None = None) -> None:
        """Let go of the connection, whatever state it is in: nobody wants more."""
        self._end(error)

    # What they have in common.

    def _send(self) -> None:
        assert self.transport is not None
        self.transport.write(self._request)
        self._wait("first byte", self._timeouts.first_byte)

    def _queue_up(self, body: bytes) -> None:
        if body:
            self._queue.append(body)
            self._queued += len(body)
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            self.opened.callback(None)

    def _end(self, error: BaseException | None) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        self._error = error
        self._stop_waiting()
        if self._whole_timer is not None and self._whole_timer.active():
            self._whole_timer.cancel()
        if self.transport is not None:
            self.transport.abortConnection()
        # What came before a reset is worth reading, and so is an empty answer.
        if self._is_open or error is None or self._queue:
            self._open()
        else:
            self._is_open = True
            self.opened.errback(Failure(error))
        self._wake()
        self.ended.callback(None)

    def _wait(self, phase: Phase, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self._clock.callLater(seconds, self._timed_out, phase, seconds)

    def _stop_waiting(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _timed_out(self, phase: Phase, seconds: float) -> None:
        self._end(TimedOut(self._url.address, phase, seconds))


def _cause(reason: Failure) -> Failure:
    """Return what really ended the connection: txtorcon packs that into an error of its own."""
    packed = getattr(reason.value, "message", None)
    return packed if isinstance(packed, Failure) else reason
