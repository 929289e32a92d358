"""One connection to a peer, as every base class of the kit sees it: who it is, when it is read from,
what becomes of an error in the plugin's code.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutine
from typing import Any, ParamSpec

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import PeerError
from logsrv.kit.net.source import source_of
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols.listening import RunningService
from logsrv.kit.protocols.sending import CLOSING, UNREAD, WORKING, PeerGone, SendingProtocol

P = ParamSpec("P")
CLOSED = connectionDone.getErrorMessage()

# What a peer still sends when it is told why it is cut off is read and thrown away for so long: a
# close with unread data would make the kernel reset the connection, and lose the last words.
LINGER_SECONDS = 5.0


@implementer(IPushProducer, IHalfCloseableProtocol)
class PeerProtocol(SendingProtocol):
    """What all connections of the kit have in common; the base classes build on it."""

    _ended = False
    _timers: set[IDelayedCall] | None = None
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
        self._stay_open()
        self._awaited(result, doing).addCallbacks(
            self._worked, self._not_worked, errbackArgs=(doing,)
        )

    def _worked(self, result: object) -> None:
        self._busy &= ~WORKING
        if not self._busy and self._out is None:
            self._run()
            self._let_close()

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
