"""The connection to a peer: runs the actions of the tables in `logsrv.kit.protocols._states`.

It stands between the transport, the author's code and the reader, which makes lines or a stream of the
bytes. It passes input to that code, survives its errors, and closes so that the peer gets the last words.
`_sending.py` sends the output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.connections.transports import (
    bytes_to_slow_peer,
    can_half_close,
    delay_close_for_producer,
)
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.protocols import _states as states
from logsrv.kit.protocols._awaiting import CANCELLED, as_deferred, call_without_connection, handled
from logsrv.kit.protocols._context import AuthorProtocol, InputReader
from logsrv.kit.protocols._idle import IdleWatch
from logsrv.kit.protocols._sending import SendingSide
from logsrv.kit.protocols.faults import EndOfStream, PeerGone, wrong_value_text

if TYPE_CHECKING:
    from twisted.internet.base import DelayedCall

# Cancelled timers are forgotten each time the number of timers is a multiple of this.
TIMERS_LOOKED_THROUGH = 16
# A peer that has not read its last words after this time is cut off.
LAST_WORDS_SECONDS = 30.0
# After the sentence that dismisses a peer, its input is dropped for this time: a close with unread data
# makes the kernel reset the connection, and the peer would not get the sentence.
LINGER_SECONDS = 5.0
# Once the author's code has worked on the input of one peer for this time, others have their turn. Frames,
# lines and reads are looked at in groups, so as not to ask for the time for each: of FIRST_AT_ONCE, then of
# fewer if they took too long, else of more.
TURN_SECONDS = 0.005
FIRST_AT_ONCE = 16
MOST_AT_ONCE = 128
# Unsent bytes: of more than these, a part is sent first when somebody asks for them.
SENT_FIRST = 16 * 1024
CLOSED_CLEANLY = connectionDone.getErrorMessage()


class PeerConnection(SendingSide):
    """The connection to one peer.

    reader: makes input for the protocol of the peer's bytes. None after the end, and before the first
    bytes unless the author's code asks for input itself. work: fires when the author's code that still runs
    is done; None if none runs. when_answered: called each time that code has returned, or waits for the
    peer. heard: the peer has sent something since this was last set to false. turn_began: when the author's
    code was first found at work on input that has come at once; None before. at_once: how many lines,
    frames or reads the code gets before somebody asks `is_turn_over` again.
    """

    __slots__ = (
        "_farewell", "_idle", "_next_turn", "_timers", "at_once", "heard", "reader", "turn_began",
        "when_answered", "work",
    )  # fmt: skip

    def __init__(self, author: AuthorProtocol) -> None:
        super().__init__(author)
        self.reader: InputReader | None = None
        self.work: Deferred[Any] | None = None
        self.when_answered: Callable[[], object] | None = None
        self.heard = False
        self.turn_began: float | None = None
        self.at_once = FIRST_AT_ONCE
        # Gives the protocol more of the input that has come.
        self._next_turn: DelayedCall | None = None
        self._farewell = b""
        self._timers: set[DelayedCall] | None = None
        self._idle: IdleWatch | None = None

    @property
    def working(self) -> bool:
        """Return true if the author's code is running, and does not just wait for this peer.

        A wait for other peers, until they have taken its output or had their turn, counts as work.
        """
        return self._busy or self.gives_way or self.state.others is states.STUCK

    @property
    def _busy(self) -> bool:
        return self.work is not None and (self.reader is None or not self.reader.waiting)

    # For `GonePeerWatch`, which ends connections whose peer has gone while reading is paused.

    @property
    def reading_paused(self) -> bool:
        return self.state.sending is states.OPEN and self.state.reading is not states.READING

    @property
    def busy_with_last_input(self) -> bool:
        # A peer that may still read is kept for its output alone.
        waits = self._busy or not (self.author.half_close or self.state.is_drained)
        return waits and (self.reader is None or self.reader.exhausted)

    def change_state(self, event: str) -> None:
        self.state, doing = self.state[event]
        for word in doing:
            ACTIONS[word](self)

    # Called by the transport, by way of the Twisted protocol.

    def call_connection_made(self) -> None:
        """Call the author's `connection_made`; a step for `call_author`."""
        result = self.author.connection_made()
        if result is not None:
            self.hold_input_until(result, "connection_made")

    def lost(self, reason: Failure) -> None:
        """Tell the protocol that the connection is gone, and release everything."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        # The same as `change_state` without its loop: `cancel` is the only action that may follow.
        self.state, doing = self.state[states.LOST]
        if doing:
            self.cancel_author_code()
        author = self.author
        for timer in self._timers or ():
            if timer.active():
                timer.cancel()
        self._timers = None
        self.idle_timeout = None
        self.end_waits()
        if self.reader is not None:
            self.reader.lost()
            self.reader = None
        # The most common reason by far; `end_sentence` takes as long as the rest of this method.
        message = CLOSED_CLEANLY if reason is connectionDone else end_sentence(reason)
        connections = author.factory.connection_log
        if connections is not None:
            connections.log_disconnect(author.peer, message)
        self._call_without_waiting("connection_lost", author.connection_lost, message)
        self.disperse()
        self._crowd = None

    # Called by the author's protocol.

    def close(self, last_words: Any = None) -> None:
        if self.state.sending is not states.OPEN:
            return
        # This may raise, so it comes before any change.
        said = () if last_words is None else (last_words,)
        self._farewell = self._encode_output([*(self.lines or ()), *said])
        if self.lines is not None:
            self.lines = []
        self.change_state(states.CLOSE)

    def end_now(self) -> None:
        """End the connection without last words, and drop what is gathered."""
        if self.lines is not None:
            self.lines = []
        self.change_state(states.ABORT)

    @property
    def unsent_bytes(self) -> int:
        """The bytes that wait to be sent, those gathered for one write included."""
        if self.state.sending is states.GONE:
            return 0
        gathered = 0 if self.lines is None else self.gathered
        return gathered + bytes_to_slow_peer(self.author.transport, SENT_FIRST)

    @property
    def idle_timeout(self) -> float | None:
        return None if self._idle is None else self._idle.seconds

    @idle_timeout.setter
    def idle_timeout(self, seconds: float | None) -> None:
        if self._idle is not None:
            self._idle.stop()
        if seconds is None or self.state.sending is states.GONE:
            self._idle = None
        else:
            self._idle = IdleWatch(self, seconds)

    def later(
        self, seconds: float, function: Callable[..., object], *args: Any, **kwargs: Any
    ) -> DelayedCall:
        if not callable(function):
            raise TypeError(
                f"later takes a function and its arguments, not {wrong_value_text(function)}"
            )

        def call() -> None:
            assert self._timers is not None
            self._timers.discard(timer)
            self._call_without_waiting("a timer", function, *args, **kwargs)

        timer = self.author.factory.service.clock.callLater(seconds, call)
        if self.state.sending is states.GONE:
            timer.cancel()
        else:
            timers = self._timers = self._timers or set()
            timers.add(timer)
            # An author may start and cancel one with each line.
            if not len(timers) % TIMERS_LOOKED_THROUGH:
                timers.intersection_update([one for one in timers if one.active()])
        return timer

    def dismiss(self, reason: str, sentence: str) -> None:
        """Send `sentence` to a peer that broke a rule, and close when it has had time to read that."""
        if self.state.sending is not states.OPEN:
            return
        self.author.factory.count_cut(reason)
        if self.state.reading is states.ENDED or not can_half_close(self.author.transport):
            self.close(*self._dismissal_lines(sentence))
            return
        self.write(self._encode_output(self._dismissal_lines(sentence)))
        if self.lines:
            self.write_gathered()
        self.change_state(states.DISMISS)

    def _dismissal_lines(self, sentence: str) -> list[Any]:
        """Return the lines that tell a peer why it is dismissed; none if the protocol tells no errors."""
        if self.author.tell_errors:
            return [sentence]
        self._log_cut(sentence)
        return []

    # Calls of the author's code.

    def call_author(self, step: Callable[[], None], doing: str) -> None:
        """Call the author's code in `step`; up to GATHERED bytes that it sends leave in one write."""
        self.state, _ = self.state[states.CALL]
        self.lines = []
        self.turn_began = None
        before = handled.set(self)
        try:
            try:
                step()
            finally:
                if self.lines:
                    self.write_gathered(at_once=True)
        except Exception:
            self.fail_connection(doing, Failure())
        finally:
            handled.reset(before)
            self.lines = None
            # The same as `change_state`, without a call.
            self.state, words = self.state[states.RETURN]
            for word in words:
                ACTIONS[word](self)
        if self.when_answered is not None:
            self.when_answered()

    def hold_input_until(self, result: object, doing: str) -> None:
        """Give the protocol no more input until `result` has fired. doing: the method, for the log."""
        self.work = pending = as_deferred(result, doing)
        # Code that waits for the peer is not done, but can take input.
        if self.reader is None or not self.reader.waiting:
            self.change_state(states.AWAIT)
        pending.addBoth(self._resume_after_work, doing)

    def is_turn_over(self) -> bool:
        """Return whether others should have their turn before more of the input is given to the protocol.

        At first it only notes the time.
        """
        now = self.author.factory.service.clock.seconds()
        if self.turn_began is None:
            self.turn_began = now
            return False
        over = now - self.turn_began >= TURN_SECONDS
        self.at_once = max(1, self.at_once // 4) if over else min(2 * self.at_once, MOST_AT_ONCE)
        return over

    @property
    def gives_way(self) -> bool:
        """Return true until others have had their turn."""
        return self._next_turn is not None

    def give_way(self) -> None:
        """Give the protocol no more input, and read nothing more, before the reactor's next turn."""
        if self._next_turn is None:
            clock = self.author.factory.service.clock
            self._next_turn = clock.callLater(0, self._take_turn)
        self.change_state(states.AWAIT)

    def _take_turn(self) -> None:
        self._next_turn = None
        # Code that works meanwhile, such as after a timeout, gets more when it is done or asks for it.
        if not self._busy or (self.reader is not None and self.reader.waits_by_itself):
            self.change_state(states.FINISH)

    def await_handle(self, result: object) -> None:
        """Let the author's `handle` run as long as it likes; it asks for input itself."""
        self.work = pending = as_deferred(result, "handle")
        pending.addErrback(lambda failure: self.fail_connection("handle", failure)).addCallback(
            self._close_after_handle
        )

    def _close_after_handle(self, _: object) -> None:
        self.work = None
        self.close()

    def fail_connection(self, doing: str, failure: Failure) -> None:
        """Close this connection, and no other, because the author's code raised."""
        if self.is_other_peers_failure(failure):
            pass
        elif failure.check(PeerGone) or (
            self.state.sending is states.GONE and failure.check(*CANCELLED)
        ):
            return
        elif failure.check(EndOfStream):
            if failure.value.partial:  # type: ignore[union-attr]
                self.author.factory.count_cut("ended_early")
            self.close()
            return
        elif failure.check(PeerError):
            self.dismiss("peer_error", failure.getErrorMessage())
            return
        self.author.factory.log_failure(doing, self.author.peer, failure)
        self.close()

    def is_other_peers_failure(self, failure: Failure) -> bool:
        """Return whether another peer has gone, such as a dialled one: this one still sends."""
        return failure.check(PeerGone, EndOfStream) is not None and not self.state.ended

    def _give_input_or_close(self) -> None:
        if self.state.held:
            return
        if self.reader is not None:
            self.reader.advance()
        elif self.state.ended:
            self.close()

    def _resume_after_work(self, result: object, doing: str) -> None:
        self.work = None
        if isinstance(result, Failure):
            self.fail_connection(doing, result)
        self.change_state(states.FINISH)

    def _call_without_waiting(
        self, doing: str, function: Callable[..., object], *args: Any, **kwargs: Any
    ) -> None:
        """Call the author's code; nothing waits for its result, and a failure closes the connection."""
        try:
            result = function(*args, **kwargs)
            if result is not None:
                clock = self.author.factory.service.clock
                pending = call_without_connection(clock, lambda: as_deferred(result, doing))
                pending.addErrback(lambda failure: self.fail_connection(doing, failure))
        except Exception:
            self.fail_connection(doing, Failure())

    # The actions of the tables, called by way of ACTIONS.

    def pause_reading(self) -> None:
        self.author.transport.pauseProducing()
        self.watch_for_departure()

    def watch_for_departure(self) -> None:
        self.author.factory.departures.watch(self)

    def cancel_author_code(self) -> None:
        """Cancel the author's code: its peer is gone. `drain` raises PeerGone; a read is not cancelled."""
        self.author.factory.departures.forget(self)
        if self.working:
            assert self.work is not None
            self.work.cancel()

    def resume_reading(self) -> None:
        self.author.transport.resumeProducing()

    def send_last_words(self) -> None:
        """Send the last words, and cut the peer off if it does not read them in time."""
        farewell, self._farewell = self._farewell, b""
        if farewell:
            self.change_state(states.USE)
            # With the close that follows, so that both are one packet.
            self.author.transport.write(farewell)
        self.change_state(states.PARTED)

    def abort_later(self) -> None:
        self.disperse()
        self.later(LAST_WORDS_SECONDS, self.abort)

    def linger(self) -> None:
        self.author.transport.loseWriteConnection()
        self.later(LINGER_SECONDS, self.abort)

    def abort(self) -> None:
        self.author.transport.abortConnection()


# The actions that the tables in `states` name in small letters.
ACTIONS: dict[str, Callable[[PeerConnection], None]] = {
    "abort": PeerConnection.abort,
    "cancel": PeerConnection.cancel_author_code,
    "disperse": PeerConnection.disperse,
    "give_up": PeerConnection.abort_later,
    "keep": lambda connection: delay_close_for_producer(connection.author.transport),
    "let_close": PeerConnection.let_transport_close,
    "linger": PeerConnection.linger,
    "lose": lambda connection: connection.author.transport.loseConnection(),
    "part": PeerConnection.send_last_words,
    "pause": PeerConnection.pause_reading,
    "register": lambda connection: connection.author.transport.registerProducer(connection, True),
    "resume": PeerConnection.resume_reading,
    "run": lambda connection: connection.call_author(
        connection._give_input_or_close, "line_received"
    ),
    "unregister": lambda connection: connection.author.transport.unregisterProducer(),
    "watch": PeerConnection.watch_for_departure,
}
