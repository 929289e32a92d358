"""The connection to a peer: does what the tables of `logsrv.kit.protocols.states` say.

It stands between the transport, the author's code and the reader that makes lines or a stream of the
bytes. It gives the author what comes, survives errors of the author, and ends politely; what the author
sends is in `sending.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.net.twisted.transports import can_half_close, close_at_once, keep_open
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.protocols import states
from logsrv.kit.protocols.awaiting import CANCELLED, awaited
from logsrv.kit.protocols.context import Author, Reader
from logsrv.kit.protocols.crowd import handled
from logsrv.kit.protocols.faults import EndOfStream, PeerGone, mistaken
from logsrv.kit.protocols.sending import SendingSide

if TYPE_CHECKING:
    from twisted.internet.base import DelayedCall

# Each time that so many timers were begun, those that the author has cancelled are let go.
TIMERS_LOOKED_THROUGH = 16
# A peer that does not read its last words is cut off then.
LAST_WORDS_SECONDS = 30.0
# After a peer is told why it is cut off, what it sends is thrown away for so long: a close with unread
# data makes the kernel reset the connection, which would lose the last words.
LINGER_SECONDS = 5.0
CLOSED_CLEANLY = connectionDone.getErrorMessage()


class PeerConnection(SendingSide):
    """A connection.

    reader: None until the peer has sent something. work: the author's coroutine that is under way.
    """

    __slots__ = ("_farewell", "_timers", "reader", "work")

    def __init__(self, author: Author) -> None:
        super().__init__(author)
        self.reader: Reader | None = None
        self.work: Deferred[Any] | None = None
        self._farewell = b""
        self._timers: set[DelayedCall] | None = None

    @property
    def ended(self) -> bool:
        """Return true if the peer sends nothing more, or nobody listens to it any more."""
        return self.state.reading is states.ENDED or self.state.sending is not states.OPEN

    @property
    def working(self) -> bool:
        """Return true if the author's code is at work, and does not just wait for the peer.

        Waiting for other peers to take what it has written to them counts as work.
        """
        return self._busy or self.state.others is states.STUCK

    @property
    def _busy(self) -> bool:
        return self.work is not None and (self.reader is None or not self.reader.waiting)

    @property
    def finished(self) -> bool:
        """Return true if all is done that the peer has asked for, so that its end may close at once."""
        return self.state is states.CONNECTED and (self.reader is None or self.reader.spent)

    # For `Departures`, which ends connections whose peer has gone while nothing is read.

    @property
    def unread(self) -> bool:
        return self.state.sending is states.OPEN and self.state.reading is not states.READING

    @property
    def deserted(self) -> bool:
        return self._busy and (self.reader is None or self.reader.exhausted)

    def tell(self, event: str) -> None:
        self.state, doing = self.state[event]
        for word in doing:
            ACTIONS[word](self)

    # Called by the transport, by way of the Twisted protocol.

    def made(self) -> None:
        """Let the author begin; a step for `call`."""
        result = self.author.connection_made()
        if result is not None:
            self.wait_for(result, "connection_made")

    def received(self, data: bytes) -> None:
        context = self.author.factory
        context.received_bytes += len(data)
        if self.state.sending is not states.OPEN:
            context.dropped_bytes += len(data)
        elif self.reader is not None:
            self.reader.received(data)

    def lost(self, reason: Failure) -> None:
        """The connection is gone: tell the author, and let go of all."""
        # The same as `tell` without its loop: `cancel` is all that may have to be done.
        self.state, doing = self.state[states.LOST]
        if doing:
            self.cancel()
        author = self.author
        for timer in self._timers or ():
            if timer.active():
                timer.cancel()
        self._timers = None
        self.end_sending()
        if self.reader is not None:
            self.reader.lost()
            self.reader = None
        # By far the most common, and as costly to ask for as the rest of this method.
        message = CLOSED_CLEANLY if reason is connectionDone else end_sentence(reason)
        connections = author.factory.connection_log
        if connections is not None:
            connections.disconnected(author.peer, message)
        self._attempt("connection_lost", author.connection_lost, message)
        self.disperse()
        self._crowd = None

    # Called by the author's protocol.

    def close(self, last_words: Any = None) -> None:
        if self.state.sending is not states.OPEN:
            return
        # First what may raise: then all of it is still there.
        said = () if last_words is None else (last_words,)
        self._farewell = self._encoded([*(self.lines or ()), *said])
        if self.lines is not None:
            self.lines = []
        self.tell(states.CLOSE)

    def later(
        self, seconds: float, function: Callable[..., object], *args: Any, **kwargs: Any
    ) -> DelayedCall:
        if not callable(function):
            raise TypeError(
                f"later takes a function and what to call it with, not {mistaken(function)}"
            )

        def call() -> None:
            assert self._timers is not None
            self._timers.discard(timer)
            self._attempt("a timer", function, *args, **kwargs)

        timer = self.author.factory.service.clock.callLater(seconds, call)
        if self.state.sending is states.GONE:
            timer.cancel()
        else:
            timers = self._timers = self._timers or set()
            timers.add(timer)
            # Those that the author has cancelled, who may begin one anew with each line.
            if not len(timers) % TIMERS_LOOKED_THROUGH:
                timers.intersection_update([one for one in timers if one.active()])
        return timer

    def dismiss(self, reason: str, sentence: str) -> None:
        """The peer broke a rule: tell it `sentence`, and close when it has had time to read that."""
        if self.state.sending is not states.OPEN:
            return
        self.author.factory.count_cut(reason)
        if self.state.reading is states.ENDED or not can_half_close(self.author.transport):
            self.close(*self._last_words(sentence))
            return
        self.write(self._encoded(self._last_words(sentence)))
        if self.lines:
            self.flush()
        self.tell(states.DISMISS)

    def _last_words(self, sentence: str) -> list[Any]:
        """Return how a peer is told why it is dismissed, as `lines` has it."""
        return [sentence]

    # Calling the author.

    def call(self, step: Callable[[], None], doing: str) -> None:
        """Call the author's code in `step`; what it sends meanwhile leaves in one write."""
        self.state, _ = self.state[states.CALL]
        self.lines = []
        before = handled.set(self)
        try:
            try:
                step()
            finally:
                if self.lines:
                    self.flush()
        except Exception:
            self.fail(doing, Failure())
        finally:
            handled.reset(before)
            self.lines = None
            # The same as `tell`, without a call.
            self.state, words = self.state[states.RETURN]
            for word in words:
                ACTIONS[word](self)

    def wait_for(self, result: object, doing: str) -> None:
        """Hold the connection back until `result` is there."""
        self.work = pending = awaited(result, doing)
        # Code that waits for the peer is not done, but can be given something.
        if self.reader is None or not self.reader.waiting:
            self.tell(states.AWAIT)
        pending.addBoth(self._worked, doing)

    def work_to_the_end(self, result: object) -> None:
        """Let the author's `handle` work as long as it likes; what comes meanwhile is for it to ask for."""
        self.work = pending = awaited(result, "handle")
        pending.addErrback(lambda failure: self.fail("handle", failure)).addCallback(self._handled)

    def _handled(self, _: object) -> None:
        self.work = None
        self.close()

    def fail(self, doing: str, failure: Failure) -> None:
        """The author's code raised: close this connection, harm no other."""
        if failure.check(PeerGone):
            return
        if self.state.sending is states.GONE and failure.check(*CANCELLED):
            return
        if failure.check(EndOfStream):
            if failure.value.partial:  # type: ignore[union-attr]
                self.author.factory.count_cut("ended_early")
            self.close()
            return
        if failure.check(PeerError):
            self.dismiss("peer_error", failure.getErrorMessage())
            return
        self.author.factory.failed(doing, self.author.peer, failure)
        self.close()

    def _advance(self) -> None:
        if self.state.held:
            return
        if self.reader is not None:
            self.reader.advance()
        elif self.ended:
            self.close()

    def _worked(self, result: object, doing: str) -> None:
        self.work = None
        if isinstance(result, Failure):
            self.fail(doing, result)
        self.tell(states.FINISH)

    def _attempt(
        self, doing: str, function: Callable[..., object], *args: Any, **kwargs: Any
    ) -> None:
        """Call the author's code; its result may come when it likes, only its failure is of interest."""
        try:
            result = function(*args, **kwargs)
            if result is not None:
                awaited(result, doing).addErrback(lambda failure: self.fail(doing, failure))
        except Exception:
            self.fail(doing, Failure())

    # Called as the tables say, by ACTIONS.

    def pause(self) -> None:
        self.author.transport.pauseProducing()
        self.watch()

    def watch(self) -> None:
        self.author.factory.departures.watch(self)

    def cancel(self) -> None:
        """Cancel the author's code: its peer is gone. Code that reads or drains gets PeerGone instead."""
        self.author.factory.departures.forget(self)
        if self.working:
            assert self.work is not None
            self.work.cancel()

    def resume(self) -> None:
        self.author.transport.resumeProducing()

    def part_at_once(self) -> None:
        """`part` without a turn of the reactor in between, if the system takes all we have to say."""
        # A connection that has written before is a producer, and not UNUSED.
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

    def give_up(self) -> None:
        self.disperse()
        self.later(LAST_WORDS_SECONDS, self.abort)

    def linger(self) -> None:
        self.author.transport.loseWriteConnection()
        self.later(LINGER_SECONDS, self.abort)

    def abort(self) -> None:
        self.author.transport.abortConnection()


# The words of the tables in `states` that stand in small letters.
ACTIONS: dict[str, Callable[[PeerConnection], None]] = {
    "abort": PeerConnection.abort,
    "cancel": PeerConnection.cancel,
    "disperse": PeerConnection.disperse,
    "give_up": PeerConnection.give_up,
    "keep": lambda connection: keep_open(connection.author.transport),
    "let_close": PeerConnection.let_close,
    "linger": PeerConnection.linger,
    "lose": lambda connection: connection.author.transport.loseConnection(),
    "part": PeerConnection.part,
    "part_at_once": PeerConnection.part_at_once,
    "pause": PeerConnection.pause,
    "register": lambda connection: connection.author.transport.registerProducer(connection, True),
    "resume": PeerConnection.resume,
    "run": lambda connection: connection.call(connection._advance, "line_received"),
    "unregister": lambda connection: connection.author.transport.unregisterProducer(),
    "watch": PeerConnection.watch,
}
