"""The connection to a peer: does what the tables of `logsrv.kit.protocols.states` say.

It is between the transport, the author's code and whatever makes lines or a stream of the bytes: gathers
what is sent, notices who does not read, survives errors of the author, and ends politely.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutine
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import PeerError
from logsrv.kit.net.backpressure import Backpressure
from logsrv.kit.net.twisted_private import (
    can_half_close,
    close_at_once,
    keep_open,
    stop_keeping,
)
from logsrv.kit.observe.peer_log import PeerLogger, end_sentence
from logsrv.kit.protocols import states
from logsrv.kit.protocols.context import ListenerContext

# Answers of one chunk are gathered into one write, but no more than this.
GATHERED = 64 * 1024
# A peer that does not read its last words is cut off then.
LAST_WORDS_SECONDS = 30.0
# What a peer still sends when it is told why it is cut off is read and thrown away for so long: a
# close with unread data would make the kernel reset the connection, and lose the last words.
LINGER_SECONDS = 5.0
CLOSED_CLEANLY = connectionDone.getErrorMessage()


class PeerGone(PeerError):
    """The peer has closed the connection before it read what was written to it."""


class Author(Protocol):
    """The protocol object whose code the connection calls, and how it wants text to be sent."""

    transport: Any
    factory: ListenerContext
    max_unsent: int

    @property
    def peer(self) -> str: ...

    @property
    def encoding(self) -> str: ...

    @property
    def ending(self) -> str: ...

    def connection_made(self) -> object: ...

    def connection_lost(self, reason: str) -> object: ...


class Reader(Protocol):
    """A reader: makes something for the author of what the peer sends."""

    def received(self, data: bytes) -> None:
        """Take what the peer sent, while the connection is open."""

    def advance(self) -> None:
        """Give the author what there is, until there is nothing left or the connection is `held`."""

    def lost(self) -> None:
        """Let go of what the peer sent: the connection is gone."""


@implementer(IPushProducer)
class PeerConnection:
    """A connection; the producer of its transport, once something was written.

    author: the protocol object. state: where the connection is in the tables. reader: None until the
    peer has sent something. lines, gathered: what is sent while the author's code runs, and how many
    characters that is; None while it doesn't.
    """

    __slots__ = (
        "_farewell", "_room", "_timers", "_unsent",
        "author", "gathered", "lines", "reader", "state",
    )  # fmt: skip

    def __init__(self, author: Author) -> None:
        self.author = author
        self.state = states.CONNECTED
        self.reader: Reader | None = None
        self.lines: list[str] | None = None
        self.gathered = 0
        self._unsent = 0
        self._farewell = b""
        self._timers: set[IDelayedCall] | None = None
        self._room: Backpressure | None = None

    @property
    def ended(self) -> bool:
        """Return true if the peer sends nothing more, or nobody listens to it any more."""
        return self.state.reading is states.ENDED or self.state.sending is not states.OPEN

    def tell(self, event: str) -> None:
        """Something happened: go to the next state and do what belongs to it."""
        self.state, doing = self.state[event]
        for word in doing:
            getattr(self, word)()

    # What the transport says, by way of the Twisted protocol.

    def begin(self) -> None:
        self.state, _ = self.state[states.CALL]
        self._called(self._made, "connection_made")

    def received(self, data: bytes) -> None:
        context = self.author.factory
        context.received_bytes += len(data)
        if self.state.sending is not states.OPEN:
            context.dropped_bytes += len(data)
        elif self.reader is not None:
            self.reader.received(data)

    def pauseProducing(self) -> None:
        self.tell(states.FULL)

    def resumeProducing(self) -> None:
        self._unsent = 0
        self.tell(states.ROOM)
        if self._room is not None and self.state.outflow is not states.CLOGGED:
            self._room.resumeProducing()

    def stopProducing(self) -> None:
        """The transport is going; `lost` says the rest."""

    def lost(self, reason: Failure) -> None:
        """The connection is gone: tell the author, and let go of all."""
        self.tell(states.LOST)
        author = self.author
        for timer in self._timers or ():
            if timer.active():
                timer.cancel()
        self._timers = None
        if self._room is not None:
            self._room.end(PeerGone(f"{author.peer} has gone"))
        if self.reader is not None:
            self.reader.lost()
            self.reader = None
        # By far the most common, and as costly to ask for as the rest of this method.
        message = CLOSED_CLEANLY if reason is connectionDone else end_sentence(reason)
        connections = author.factory.connection_log
        if connections is not None:
            connections.disconnected(author.peer, message)
        try:
            result = author.connection_lost(message)
            if result is not None:
                self._watch(result, "connection_lost")
        except Exception:
            self.fail("connection_lost", Failure())

    # What the author says.

    def send_line(self, text: str) -> None:
        lines = self.lines
        if lines is None:
            self.write(self._encoded([text]))
            return
        # First what raises for None.
        self.gathered += len(text)
        lines.append(text)
        if self.gathered > GATHERED:
            self.flush()

    def write(self, data: bytes) -> None:
        if self.lines:
            self.flush()
        state = self.state
        if state.sending is not states.OPEN:
            return
        if state.outflow is states.UNUSED:
            self.tell(states.USE)
        elif state.outflow is states.CLOGGED:
            self._unsent += len(data)
            if self._unsent > self.author.max_unsent:
                self._cut_off("unread", "it does not read what is sent to it")
                return
        self.author.transport.write(data)
        if self.state.outflow is states.FLOWING:
            self.let_close()

    def drain(self) -> Deferred[None]:
        """Fires when there is room to write; fails with PeerGone when there never will be."""
        if self.state.sending is states.GONE:
            return fail(PeerGone(f"{self.author.peer} has gone"))
        # Nor at once while it is being closed: who writes and drains for ever would never stop.
        if self.state.sending is states.OPEN and self.state.outflow is not states.CLOGGED:
            return succeed(None)
        if self._room is None:
            self._room = Backpressure()
        return self._room.wait_for_change()

    def close(self, last_words: str | None = None) -> None:
        if self.state.sending is not states.OPEN:
            return
        words = self.lines or []
        if self.lines is not None:
            self.lines = []
        if last_words is not None:
            words.append(last_words)
        self._farewell = self._encoded(words)
        self.tell(states.CLOSE)

    def later(
        self, seconds: float, function: Callable[..., object], *args: Any, **kwargs: Any
    ) -> IDelayedCall:
        def call() -> None:
            assert self._timers is not None
            self._timers.discard(timer)
            try:
                result = function(*args, **kwargs)
                if result is not None:
                    self._watch(result, "a timer")
            except Exception:
                self.fail("a timer", Failure())

        timer = self.author.factory.service.clock.callLater(seconds, call)
        if self.state.sending is states.GONE:
            timer.cancel()
        else:
            self._timers = self._timers or set()
            self._timers.add(timer)
        return timer

    def dismiss(self, reason: str, sentence: str) -> None:
        """The peer broke a rule: tell it `sentence`, and close when it has had time to read that."""
        if self.state.sending is not states.OPEN:
            return
        self.author.factory.count_cut(reason)
        if self.state.reading is states.ENDED or not can_half_close(self.author.transport):
            self.close(sentence)
            return
        self.write(self._encoded([sentence]))
        self.tell(states.DISMISS)

    # Calling the author.

    def call(self, step: Callable[[], None], doing: str) -> None:
        """Call the author's code in `step`; what it sends meanwhile leaves in one write."""
        self.state, _ = self.state[states.CALL]
        self._called(step, doing)

    def wait_for(self, result: object, doing: str) -> None:
        """Hold the connection back until `result` is there."""
        pending = awaited(result, doing)
        self.tell(states.AWAIT)
        pending.addCallbacks(self._worked, self._not_worked, errbackArgs=(doing,))

    def fail(self, doing: str, failure: Failure) -> None:
        """The author's code raised: close this connection, harm no other."""
        if failure.check(PeerGone):
            return
        if failure.check(PeerError):
            self.dismiss("peer_error", failure.getErrorMessage())
            return
        self.author.factory.failed(doing, self.author.peer, failure)
        self.close()

    def _called(self, step: Callable[[], None], doing: str) -> None:
        self.lines = []
        try:
            try:
                step()
            finally:
                if self.lines:
                    self.flush()
        except Exception:
            self.fail(doing, Failure())
        finally:
            self.lines = None
            self.tell(states.RETURN)

    def _made(self) -> None:
        result = self.author.connection_made()
        if result is not None:
            self.wait_for(result, "connection_made")

    def _advance(self) -> None:
        if self.state.held:
            return
        if self.reader is not None:
            self.reader.advance()
        elif self.ended:
            self.close()

    def _worked(self, result: object) -> None:
        self.tell(states.FINISH)

    def _not_worked(self, failure: Failure, doing: str) -> None:
        self.fail(doing, failure)
        self.tell(states.FINISH)

    def _watch(self, result: object, doing: str) -> None:
        """Let `result` come when it likes; only its failure is of interest."""
        awaited(result, doing).addErrback(lambda failure: self.fail(doing, failure))

    def flush(self) -> None:
        lines, self.lines, self.gathered = self.lines or [], [], 0
        self.write(self._encoded(lines))

    def _encoded(self, lines: list[str]) -> bytes:
        if not lines:
            return b""
        author = self.author
        try:
            ending = author.ending
            return (ending.join(lines) + ending).encode(author.encoding, "replace")
        except TypeError as error:
            raise TypeError(f"send_line takes str: {error}") from None

    def _cut_off(self, reason: str, sentence: str) -> None:
        self.author.factory.count_cut(reason)
        PeerLogger(type(self.author).__module__, self.author.peer).warn(
            "cut off: {sentence}", sentence=sentence
        )
        self.tell(states.CUT)

    # What the tables have us do.

    def run(self) -> None:
        self._called(self._advance, "line_received")

    def pause(self) -> None:
        self.author.transport.pauseProducing()

    def resume(self) -> None:
        self.author.transport.resumeProducing()

    def register(self) -> None:
        self.author.transport.registerProducer(self, True)

    def unregister(self) -> None:
        self.author.transport.unregisterProducer()

    def keep(self) -> None:
        keep_open(self.author.transport)

    def let_close(self) -> None:
        if stop_keeping(self.author.transport):
            self.tell(states.RELEASE)

    def part_at_once(self) -> None:
        """`part` without a turn of the reactor in between, if the system takes all we have to say."""
        # Who wrote before is a producer.
        if self.state.outflow is states.UNUSED:
            left = close_at_once(self.author.transport, self._farewell)
            if left is None:
                return
            self._farewell = left
        self.part()

    def part(self) -> None:
        """Say the last words, and notice when the peer does not read them."""
        farewell, self._farewell = self._farewell, b""
        if farewell:
            self.tell(states.USE)
            self.author.transport.write(farewell)
        self.tell(states.PARTED)

    def lose(self) -> None:
        self.author.transport.loseConnection()

    def give_up(self) -> None:
        self.later(LAST_WORDS_SECONDS, self.abort)

    def linger(self) -> None:
        self.author.transport.loseWriteConnection()
        self.later(LINGER_SECONDS, self.abort)

    def abort(self) -> None:
        self.author.transport.abortConnection()


def awaited(result: object, doing: str) -> Deferred[Any]:
    """Return what the author gave to be waited for. Raises TypeError for anything else."""
    if iscoroutine(result):
        return Deferred.fromCoroutine(result)
    if isinstance(result, Deferred):
        return result
    raise TypeError(f"{doing} gave {result!r:.60}; it has to be None or something to await")
