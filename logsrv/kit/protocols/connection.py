"""The connection to a peer: does what the tables of `logsrv.kit.protocols.states` say.

It stands between the transport, the author's code and the reader that makes lines or a stream of the
bytes. It gathers what is sent, notices a peer that does not read, survives errors of the author, and ends
politely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import PeerError
from logsrv.kit.net.backpressure import Backpressure
from logsrv.kit.net.twisted.transports import (
    can_half_close,
    close_at_once,
    keep_open,
    send_at_once,
    stop_keeping,
)
from logsrv.kit.observe.peer_log import PeerLogger, end_sentence
from logsrv.kit.protocols import states
from logsrv.kit.protocols.awaiting import CANCELLED, awaited
from logsrv.kit.protocols.context import Author, Reader
from logsrv.kit.protocols.crowd import Crowd, handled
from logsrv.kit.protocols.faults import (
    EndOfStream,
    PeerGone,
    bytes_of,
    check_text,
    mistaken,
)

if TYPE_CHECKING:
    from twisted.internet.base import DelayedCall

# Answers of one chunk are gathered into one write, but no more than this.
GATHERED = 64 * 1024
# Each time that so many timers were begun, those that the author has cancelled are let go.
TIMERS_LOOKED_THROUGH = 16
# A peer that does not read its last words is cut off then.
LAST_WORDS_SECONDS = 30.0
# After a peer is told why it is cut off, what it sends is thrown away for so long: a close with unread
# data makes the kernel reset the connection, which would lose the last words.
LINGER_SECONDS = 5.0
# The states of the outflow in which nothing waits to be sent, as far as is known, and no more is expected.
ROOMY = (states.UNUSED, states.FLOWING)
CLOSED_CLEANLY = connectionDone.getErrorMessage()


@implementer(IPushProducer)
class PeerConnection:
    """A connection; the producer of its transport, once something was written.

    author: the protocol object. state: where the connection is in the tables. reader: None until the
    peer has sent something. lines, gathered: what is sent while the author's code runs, lines as text and
    all else as bytes, and how much that is; None while it doesn't. work: the author's coroutine that is
    under way.
    """

    __slots__ = (
        "_crowd", "_farewell", "_room", "_timers", "_waits_for",
        "author", "gathered", "lines", "reader", "state", "work",
    )  # fmt: skip

    def __init__(self, author: Author) -> None:
        self.author = author
        self.state = states.CONNECTED
        self.reader: Reader | None = None
        self.lines: list[Any] | None = None
        self.gathered = 0
        self.work: Deferred[Any] | None = None
        # The senders that wait for this peer; and those crowds in which its own author waits.
        self._crowd: Crowd | None = None
        self._waits_for: set[Crowd] | None = None
        self._farewell = b""
        self._timers: set[DelayedCall] | None = None
        self._room: Backpressure | None = None

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
        """Something happened: go to the next state and do what belongs to it."""
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

    def pauseProducing(self) -> None:
        self.tell(states.FULL)

    def resumeProducing(self) -> None:
        if self._crowd is not None:
            self._crowd.clear()
        self.tell(states.ROOM)
        self._resume_drained()

    def stopProducing(self) -> None:
        """The transport is going; `lost` says the rest."""

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
        for crowd in self._waits_for or ():
            crowd.forget(self)
        self._waits_for = None
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
        self._attempt("connection_lost", author.connection_lost, message)
        self.disperse()
        self._crowd = None

    # Called by the author's protocol.

    def send_line(self, text: str) -> None:
        if type(text) is not str:
            check_text(text, "send_line")
        lines = self.lines
        if lines is None:
            self.write(self._encoded([text]))
            return
        self.gathered += len(text)
        lines.append(text)
        if self.gathered > GATHERED:
            self.make_room()

    def send_text(self, text: str) -> None:
        """Send text without a line ending."""
        self.write(text.encode(self.author.encoding, "replace"))

    def write(self, data: bytes) -> None:
        if type(data) is not bytes:
            data = bytes_of(data)
        if self.lines is None:
            self._write(data)
            return
        self.gathered += len(data)
        self.lines.append(data)
        if self.gathered > GATHERED:
            self.make_room()

    def _write(self, data: bytes) -> None:
        """Hand bytes to the transport."""
        state = self.state
        if state.sending is not states.OPEN:
            return
        if state.outflow is states.UNUSED:
            self.tell(states.USE)
        elif state.outflow is states.CLOGGED:
            if self._crowd is None:
                self._crowd = Crowd(self)
            if not self._crowd.add(len(data)):
                return
        self.author.transport.write(data)
        self.let_close()

    def drain(self) -> Deferred[None]:
        """Fires when there is room to write, to the peer and to those whom the author has written to.

        Fails with PeerGone when there never will be.
        """
        if self.state.sending is states.GONE:
            return fail(PeerGone(f"{self.author.peer} has gone"))
        # Not at once while it is being closed: a loop that writes and drains would never end.
        if self.state.sending is states.OPEN and self._is_drained:
            return succeed(None)
        if self._room is None:
            self._room = Backpressure()
        return self._room.wait_for_change().addErrback(self._not_drained)

    @property
    def _is_drained(self) -> bool:
        state = self.state
        return state.outflow is not states.CLOGGED and state.others is not states.STUCK

    def _resume_drained(self) -> None:
        if self._room is not None and self._is_drained:
            self._room.resumeProducing()

    def _not_drained(self, failure: Failure) -> None:
        if self.state.sending is states.GONE and failure.check(CancelledError):
            raise PeerGone(f"{self.author.peer} has gone")
        failure.raiseException()

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

    def make_room(self) -> None:
        """Hand over what is gathered: the transport tells when too much waits in it.

        It is not sent now: code that writes and drains without end would go on while the peer takes it.
        """
        self._write(self._gathered())

    def _gathered(self) -> bytes:
        lines, self.lines, self.gathered = self.lines or [], [], 0
        return self._encoded(lines)

    def flush(self) -> None:
        data = self._gathered()
        state = self.state
        if state.sending is states.OPEN and state.outflow in ROOMY:
            data = send_at_once(self.author.transport, data)
        if data:
            self._write(data)

    def _encoded(self, lines: list[Any]) -> bytes:
        if not lines:
            return b""
        encoding, ending = self.author.encoding, self.author.ending
        try:
            return (ending.join(lines) + ending).encode(encoding, "replace")
        except TypeError:
            # Bytes are among the lines.
            return b"".join(
                one if isinstance(one, bytes) else (one + ending).encode(encoding, "replace")
                for one in lines
            )

    # For those who send to this peer, and for those to whom this one's author sends.

    def cut(self, sentence: str) -> None:
        self.author.factory.count_cut("unread")
        self._log_cut(sentence)
        self.tell(states.CUT)

    def _log_cut(self, sentence: str) -> None:
        log = PeerLogger(type(self.author).__module__, self.author.peer)
        log.warn("cut off: {sentence}", sentence=sentence)

    @property
    def called(self) -> bool:
        return self.lines is not None

    @property
    def can_wait(self) -> bool:
        return self.state.sending is states.OPEN

    def crowd(self, crowd: Crowd) -> None:
        self._waits_for = self._waits_for or set()
        self._waits_for.add(crowd)
        self.tell(states.CROWD)

    def leave(self, crowd: Crowd) -> None:
        if self._waits_for is None:
            # It has gone while others were let go on.
            return
        self._waits_for.discard(crowd)
        if not self._waits_for:
            self.tell(states.DISPERSE)
            self._resume_drained()

    # Called as the tables say, by ACTIONS.

    def disperse(self) -> None:
        if self._crowd is not None:
            self._crowd.disperse()

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

    def let_close(self) -> None:
        # The author's code may have filled the transport again meanwhile.
        if self.state.outflow is states.FLOWING and stop_keeping(self.author.transport):
            self.tell(states.RELEASE)

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
