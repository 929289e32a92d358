"""One connection to a peer, as every base class of the kit sees it: who it is, what it is told, how
it ends.

What holds a connection back are the bits of `_busy`. While one of the first two is set nothing is
read from the peer; after the third nothing more is given to the plugin.

    WORKING   the plugin has not finished with what it got (`async def line_received`)
    UNREAD    the peer lets our answers lie: the transport said so (IPushProducer)
    CLOSING   the connection is being closed, or gone
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from inspect import iscoroutine
from typing import Any, ParamSpec

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import PeerError
from logsrv.kit.peer_log import PeerLogger
from logsrv.kit.side import RunningService, Side
from logsrv.kit.source import source_of

P = ParamSpec("P")
CLOSED = connectionDone.getErrorMessage()

WORKING, UNREAD, CLOSING = 1, 2, 4

# Answers of one chunk are gathered into one write, but no more than this.
GATHERED = 64 * 1024
# Last words and the end of the connection go out in one packet instead of two (Linux; tcp(7)).
MORE = getattr(socket, "MSG_MORE", 0)
# What a peer still sends when it is told why it is cut off is read and thrown away for so long: a
# close with unread data would make the kernel reset the connection, and lose the last words.
LINGER_SECONDS = 5.0
# A peer that does not read its last words is cut off then.
LAST_WORDS_SECONDS = 30.0


class PeerGone(PeerError):
    """The peer has closed the connection before it read what was written to it."""


@implementer(IPushProducer, IHalfCloseableProtocol)
class PeerProtocol(Protocol):
    """What all connections of the kit have in common; the base classes build on it.

    encoding: of the text that is sent. ending: what `send_line` puts behind a line.
    max_unsent: a peer that does not read is cut off when more than this many bytes are written to
        it after its transport was full.
    """

    encoding = "utf-8"
    ending = "\r\n"
    max_unsent = 1024 * 1024

    factory: Side  # type: ignore[assignment]
    # Whatever the endpoint has; Twisted declares less than all of them offer.
    transport: Any
    _busy = 0
    _ended = False
    _paused = False
    _producing = False
    _unread = 0
    _gathered = 0
    _out: list[str] | None = None
    _farewell: bytes | None = None
    _timers: set[IDelayedCall] | None = None
    _drained: list[Deferred[None]] | None = None
    _peer: str | None = None
    _log: Logger | None = None

    def connection_made(self) -> object:
        """The peer is connected. May be `async def`: what the peer sends waits for it."""

    def connection_lost(self, reason: str) -> object:
        """The connection is gone; `reason` is a sentence."""

    @property
    def service(self) -> RunningService:
        """The running service: `settings`, `state`, `metrics`, `clock`."""
        return self.factory.service

    @property
    def clock(self) -> IReactorTime:
        return self.service.clock

    @property
    def peer(self) -> str:
        """Who it is: `tcp:127.0.0.1:51234`, `unix:uid=0,pid=77`; printable ASCII without spaces."""
        if self._peer is None:
            self._peer = source_of(self.transport)
        return self._peer

    @property
    def log(self) -> Logger:
        """A Logger whose every message begins with the peer."""
        if self._log is None:
            self._log = PeerLogger(type(self).__module__, self.peer)
        return self._log

    def send_line(self, text: str) -> None:
        """Send `text` and a line ending. What is sent to a peer that has gone is dropped."""
        out = self._out
        if out is None:
            self.write((text + self.ending).encode(self.encoding, "replace"))
            return
        out.append(text)
        self._gathered += len(text)
        if self._gathered > GATHERED:
            self._flush()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._out:
            self._flush()
        if self._busy & CLOSING:
            return
        transport = self.transport
        if not self._producing:
            self._producing = True
            transport.registerProducer(self, True)
        if self._busy & UNREAD:
            self._unread += len(data)
            if self._unread > self.max_unsent:
                self._cut_off("unread", "it does not read what is sent to it")
                return
        transport.write(data)

    def drain(self) -> Deferred[None]:
        """Fires when the peer has read enough for more to be written.

        Fails with PeerGone, which needs no handling, if it goes away instead.
        """
        if not self._busy & UNREAD:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._drained = [*(self._drained or ()), waiting]
        return waiting

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, and all that was sent before, then close the connection.

        Nothing more is given to the plugin but `connection_lost`.
        """
        if self._busy & CLOSING:
            return
        out = self._out
        words = [*(out or ()), *(() if last_words is None else (last_words,))]
        if out is not None:
            self._out = []
        self._farewell = self._encoded(words)
        self._busy |= CLOSING
        if out is None:
            self._part()

    def later(
        self, seconds: float, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> IDelayedCall:
        """Call `function(…)` in so many seconds, if the connection lasts; gives what has `cancel()`."""

        timers = self._timers
        if timers is None:
            timers = self._timers = set()

        def call() -> None:
            timers.discard(timer)
            try:
                result = function(*args, **kwargs)
                if result is not None:
                    self._watch(result, "a timer")
            except Exception:
                self._fail("a timer", Failure())

        timer = self.clock.callLater(seconds, call)
        timers.add(timer)
        return timer

    def connectionMade(self) -> None:
        connections = self.factory.connection_log
        if connections is not None:
            connections.connected(self.peer)
        self._run(self._begin, "connection_made")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._busy |= CLOSING
        for timer in self._timers or ():
            if timer.active():
                timer.cancel()
        self._timers = None
        drained, self._drained = self._drained or (), None
        for waiting in drained:
            waiting.errback(PeerGone(f"{self.peer} has gone"))
        self._lost()
        # By far the most common, and as costly to ask for as the rest of this method.
        message = CLOSED if reason is connectionDone else reason.getErrorMessage()
        connections = self.factory.connection_log
        if connections is not None:
            connections.disconnected(self.peer, message)
        try:
            result = self.connection_lost(message)
            if result is not None:
                self._watch(result, "connection_lost")
        except Exception:
            self._fail("connection_lost", Failure())

    def readConnectionLost(self) -> None:
        """The peer sends nothing more, but may still read (RFC 9293 section 3.6)."""
        self._ended = True
        if self._busy & CLOSING:
            self.transport.loseConnection()
        elif not self._busy:
            self._run()

    def writeConnectionLost(self) -> None:
        """Our last words have gone out; what remains is to wait for the peer to close."""

    def pauseProducing(self) -> None:
        self._busy |= UNREAD
        if self._out is None:
            self._settle()

    def resumeProducing(self) -> None:
        self._busy &= ~UNREAD
        self._unread = 0
        drained, self._drained = self._drained or (), None
        for waiting in drained:
            waiting.callback(None)
        if not self._busy:
            self._run()
        if getattr(self.transport, "disconnecting", False) and self._producing:
            # It was asked to close meanwhile, and waits for its producer to finish.
            self._stop_producing()

    def stopProducing(self) -> None:
        """The transport is going; `connectionLost` says the rest."""

    def _advance(self) -> None:
        """Give the plugin what there is for it, until there is nothing left or `_busy` is set."""

    def _lost(self) -> None:
        """The connection is gone: let go of what the peer has sent."""

    def _begin(self) -> None:
        result = self.connection_made()
        if result is not None:
            self._work(result, "connection_made")

    def _run(self, step: Callable[[], None] | None = None, doing: str = "line_received") -> None:
        """`_advance`, or another step, with what is sent meanwhile gathered into one write."""
        self._out = []
        try:
            (step or self._advance)()
            if self._out:
                self._flush()
        except Exception:
            self._fail(doing, Failure())
        self._out = None
        if self._farewell is not None:
            self._part_at_once()
        elif self._busy or self._paused:
            self._settle()

    def _flush(self) -> None:
        lines, self._out, self._gathered = self._out or [], None, 0
        try:
            self.write(self._encoded(lines))
        finally:
            self._out = []

    def _encoded(self, lines: list[str]) -> bytes:
        if not lines:
            return b""
        try:
            return (self.ending.join(lines) + self.ending).encode(self.encoding, "replace")
        except TypeError as error:
            raise TypeError(f"send_line takes str: {error}") from None

    def _part_at_once(self) -> None:
        """`_part` without a turn of the reactor in between, if the system takes all we have to say.

        Only when the plugin's code has returned: it is not to hear of the end within its own call.
        """
        transport, farewell = self.transport, self._farewell or b""
        if self._producing or not isinstance(transport, FileDescriptor):
            self._part()
            return
        # Nothing was written before: whoever writes is a producer.
        try:
            sent = transport.getHandle().send(farewell, MORE) if farewell else 0  # type: ignore[attr-defined]
        except OSError:
            # Full, or gone: the transport will find out.
            sent = 0
        if sent == len(farewell):
            self._farewell = None
            transport.connectionLost(connectionDone)
        else:
            self._farewell = farewell[sent:]
            self._part()

    def _part(self) -> None:
        """Say the last words and let the transport close when they are out."""
        transport = self.transport
        transport.write(self._farewell or b"")
        self._farewell = None
        if self._producing:
            self._stop_producing()
        if self._paused:
            # TLS says goodbye in both directions.
            self._paused = False
            transport.resumeProducing()
        transport.loseConnection()

    def _settle(self) -> None:
        """Read from the peer, or not, as `_busy` says."""
        busy = self._busy
        if busy & CLOSING or self._ended:
            return
        pause = bool(busy & (WORKING | UNREAD))
        if pause != self._paused:
            self._paused = pause
            if pause:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    def _work(self, result: object, doing: str) -> None:
        """Hold the connection back until `result` is there."""
        self._busy |= WORKING
        self._awaited(result, doing).addCallbacks(
            self._worked, self._not_worked, errbackArgs=(doing,)
        )

    def _worked(self, result: object) -> None:
        self._busy &= ~WORKING
        if not self._busy and self._out is None:
            self._run()

    def _not_worked(self, failure: Failure, doing: str) -> None:
        self._fail(doing, failure)
        self._busy &= ~WORKING

    def _watch(self, result: object, doing: str) -> None:
        """Let `result` come when it likes; only its failure is of interest."""
        self._awaited(result, doing).addErrback(lambda failure: self._fail(doing, failure))

    def _awaited(self, result: object, doing: str) -> Deferred[Any]:
        if iscoroutine(result):
            return Deferred.fromCoroutine(result)
        if isinstance(result, Deferred):
            return result
        raise TypeError(f"{doing} gave {result!r:.60}; it has to be None or something to await")

    def _fail(self, doing: str, failure: Failure) -> None:
        """The plugin's code raised: close this connection, harm no other."""
        if failure.check(PeerGone):
            return
        if failure.check(PeerError):
            self._dismiss("peer_error", failure.getErrorMessage())
            return
        self.factory.failed(doing, self.peer, failure)
        self.close()

    def _dismiss(self, reason: str, sentence: str) -> None:
        """The peer broke a rule: tell it `sentence`, and close when it has had time to read that."""
        if self._busy & CLOSING:
            return
        self.factory.count_cut(reason)
        transport = self.transport
        # Under TLS only one side cannot be closed.
        if self._ended or not isinstance(transport, FileDescriptor):
            self.close(sentence)
            return
        if self._out:
            self._flush()
        self._busy |= CLOSING
        transport.write((sentence + self.ending).encode(self.encoding, "replace"))
        if self._producing:
            self._stop_producing()
        transport.resumeProducing()
        transport.loseWriteConnection()
        self.later(LINGER_SECONDS, self.transport.abortConnection)

    def _stop_producing(self) -> None:
        self._producing = False
        self.transport.unregisterProducer()
        if self._busy & UNREAD:
            self.later(LAST_WORDS_SECONDS, self.transport.abortConnection)

    def _cut_off(self, reason: str, sentence: str) -> None:
        self._busy |= CLOSING
        self.factory.count_cut(reason)
        self.log.warn("cut off: {sentence}", sentence=sentence)
        self.transport.abortConnection()
