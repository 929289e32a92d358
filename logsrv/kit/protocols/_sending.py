"""The sending side of a connection: gathers output, passes it to the transport, and waits for the peer.

Output of other connections for this peer comes here as well. When too many bytes wait for a receiver, the
connection whose handler wrote them gets no further input until the receiver has room. A receiver that takes
nothing meanwhile is cut off, or its senders would never go on.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.connections._streams import PromptMixin
from logsrv.kit.connections.transports import Backpressure, undo_close_delay, unsent_bytes
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols import _states as states
from logsrv.kit.protocols._awaiting import handled
from logsrv.kit.protocols._context import AuthorProtocol
from logsrv.kit.protocols.faults import PeerGone, bytes_of, check_text
from logsrv.reactor import Timer

# Output is gathered into one write, until it is more than this many bytes.
GATHERED = 64 * 1024
# While senders wait, their receiver is checked this many times within its patience.
LOOKS_PER_PATIENCE = 4
# A receiver that takes fewer bytes than this within LEAST_PATIENCES times its patience is cut off as well.
LEAST_TAKEN = 64 * 1024
LEAST_PATIENCES = 6


@implementer(IPushProducer)
class SendingSide:
    """The sending side; the producer of its transport after the first write.

    author: the protocol object. state: the current state in the tables. lines: the output of the author's
    code that is on the stack, lines as str and anything else as bytes; None while no such code runs.
    gathered: the size of `lines`. full_duplex: the peer is read even while it does not take its output.
    """

    __slots__ = (
        "_crowd", "_room", "_waits_for", "author", "full_duplex", "gathered", "lines", "state",
    )  # fmt: skip

    def __init__(self, author: AuthorProtocol) -> None:
        self.author = author
        self.state = states.CONNECTED
        self.lines: list[Any] | None = None
        self.gathered = 0
        self.full_duplex = False
        # The crowd of connections that wait until this peer takes more. The crowds of other peers in
        # which this connection waits.
        self._crowd: SenderCrowd | None = None
        self._waits_for: set[SenderCrowd] | None = None
        self._room: Backpressure | None = None

    def change_state(self, event: str) -> None:
        """Go to the state that follows `event`, and run its actions."""
        raise NotImplementedError

    # Called by the transport.

    def pauseProducing(self) -> None:
        self.change_state(states.BRIM if self.full_duplex else states.FULL)

    def read_always(self) -> None:
        """Read the peer from now on even while it does not take its output; the author waits by `drain`."""
        self.full_duplex = True
        if self.state.outflow is states.CLOGGED:
            self.change_state(states.BRIM)

    def resumeProducing(self) -> None:
        if self._crowd is not None:
            self._crowd.clear_waiting_bytes()
        self.change_state(states.ROOM)
        self._resume_drained()

    def stopProducing(self) -> None:
        """Do nothing: the transport is closing, and calls `lost` of the connection next."""

    # Called by the author's protocol.

    def send_line(self, text: str) -> None:
        if type(text) is not str:
            check_text(text, "send_line")
        lines = self.lines
        if lines is None:
            self.write(self._encode_output([text]))
            return
        self.gathered += len(text) + 2
        lines.append(text)
        if self.gathered > GATHERED:
            self.write_gathered()

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
            self.write_gathered()

    def _write(self, data: bytes, at_once: bool = True) -> None:
        """Pass bytes to the transport, unless the receiver is cut off for having too many to read.

        at_once: they are all that is written in this turn.
        """
        state = self.state
        if state.sending is not states.OPEN:
            return
        if state.outflow is states.UNUSED:
            self.change_state(states.USE)
        elif state.outflow is states.CLOGGED or state.outflow is states.BRIMMING:
            if self._crowd is None:
                self._crowd = SenderCrowd(self)
            if not self._crowd.add_bytes(len(data)):
                return
        transport = self.author.transport
        # Not by a name: TLS would take it from the transport below.
        if at_once and isinstance(transport, PromptMixin):
            transport.write_at_once(data)
            if not transport.disconnecting:
                return
        else:
            transport.write(data)
        # Others may have told it to close, such as a stop of the service: then it waits for us.
        self.let_transport_close()

    def drain(self) -> Deferred[None]:
        """Wait until the peer, and each other peer that the protocol has written to, has room for more.

        Fails with PeerGone when the peer has gone.
        """
        if self.state.sending is states.GONE:
            return fail(PeerGone(f"{self.author.peer} has gone"))
        if self.state.has_room:
            return succeed(None)
        if self._room is None:
            self._room = Backpressure()
        return self._room.wait_until_resumed().addErrback(self._not_drained)

    def _resume_drained(self) -> None:
        if self._room is not None and self.state.is_drained:
            self._room.resumeProducing()

    def _not_drained(self, failure: Failure) -> None:
        if self.state.sending is states.GONE and failure.check(CancelledError):
            raise PeerGone(f"{self.author.peer} has gone")
        failure.raiseException()

    def write_gathered(self, *, at_once: bool = False) -> None:
        """Pass the gathered output to the transport, which says when too much waits in it.

        at_once: it is the end of the author's call. What is written before waits for the next turn: a peer
        that takes it at once would be served on and on, and all others would wait.
        """
        lines, self.lines, self.gathered = self.lines or [], [], 0
        if len(lines) != 1:
            data = self._encode_output(lines)
        elif type(data := lines[0]) is not bytes:
            # The same as there: most answers are one line.
            data = (data + self.author.ending).encode(self.author.encoding, "replace")
        if data:
            self._write(data, at_once)

    def _encode_output(self, lines: list[Any]) -> bytes:
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

    def end_waits(self) -> None:
        """Release all waiting senders: the connection is gone."""
        for crowd in self._waits_for or ():
            crowd.forget_sender(self)
        self._waits_for = None
        if self._room is not None:
            self._room.fail_waits(PeerGone(f"{self.author.peer} has gone"))

    # For the senders to this peer, and for the receivers to which its protocol writes.

    def cut_off(self, sentence: str) -> None:
        """Abort the connection; `sentence` is the reason in the log."""
        self.author.factory.count_cut("unread")
        self._log_cut(sentence)
        self.change_state(states.CUT)

    def _log_cut(self, sentence: str) -> None:
        log = PeerLogger(type(self.author).__module__, self.author.peer)
        log.warn("cut off: {sentence}", sentence=sentence)

    def join_crowd(self, crowd: SenderCrowd) -> None:
        """Give the protocol no more input until `leave_crowd` is called."""
        self._waits_for = self._waits_for or set()
        self._waits_for.add(crowd)
        self.change_state(states.CROWD)

    def leave_crowd(self, crowd: SenderCrowd) -> None:
        """Stop waiting for this receiver."""
        if self._waits_for is None:
            # This connection ended while the other senders were released.
            return
        self._waits_for.discard(crowd)
        if not self._waits_for:
            self.change_state(states.DISPERSE)
            self._resume_drained()

    # Actions of the tables.

    def disperse(self) -> None:
        if self._crowd is not None:
            self._crowd.release_senders()

    def let_transport_close(self) -> None:
        # The author's code may have filled the transport again meanwhile.
        if self.state.outflow is states.FLOWING and undo_close_delay(self.author.transport):
            self.change_state(states.RELEASE)


class SenderCrowd:
    """The bytes and the senders that wait for one receiver whose transport is full."""

    def __init__(self, receiver: SendingSide) -> None:
        self._receiver = receiver
        self._author = receiver.author
        self._clock = receiver.author.factory.service.clock
        # Bytes since the transport was full: those that were written, and those that it certainly took.
        self._written = self._taken = 0
        # A dict for its order: senders continue in the order in which they came.
        self._senders: dict[SendingSide, None] = {}
        # The bytes that each sender has written although too many wait already.
        self._more: dict[SendingSide, int] = {}
        self._timer = Timer(self._clock)
        # The time when the receiver last took something. The start of the count that finds a slow receiver,
        # and the bytes taken by then.
        self._last_progress = self._count_start = 0.0
        self._taken_at_start = 0

    def add_bytes(self, number: int) -> bool:
        """Add bytes that wait; if they are too many, their sender waits as well.

        Return False if the receiver has been cut off instead.
        """
        most = self._author.max_unsent
        if self._written + number - self._taken > most:
            self._update_taken_bytes()
            waiting = self._written + number - self._taken
            if waiting > most and not self._let_sender_wait(handled.get(), number):
                self._receiver.cut_off(
                    f"more is sent to it than it takes: {waiting} bytes wait for it"
                )
                return False
        self._written += number
        return True

    def clear_waiting_bytes(self) -> None:
        """Note that no bytes wait any more."""
        self._written = self._taken = 0
        self._more.clear()

    def _update_taken_bytes(self) -> None:
        """Update the bytes that the receiver has taken, and the time of its last progress."""
        waiting = unsent_bytes(self._author.transport)
        # A transport of another package cannot tell how much waits: then nothing more counts as taken.
        # Bytes that waited before this count can make the number negative.
        taken = self._written - waiting if waiting else self._taken
        if taken > self._taken:
            self._last_progress = self._clock.seconds()
        self._taken = taken

    def _let_sender_wait(self, sender: SendingSide | None, number: int) -> bool:
        """Let `sender` wait. Return False if there is none, or if it still writes too much."""
        if sender is None:
            return False
        runs = sender.lines is not None
        if sender.state.sending is not states.OPEN:
            # The protocol gets no more input, which could be held back.
            return runs
        if sender is self._receiver or sender in self._senders:
            # A coroutine that runs already waits only when it reads or drains next.
            more = self._more[sender] = self._more.get(sender, 0) + number
            return runs or more <= self._author.max_unsent
        self._senders[sender] = None
        if not self._timer.running:
            self._taken_at_start = self._taken
            self._last_progress = self._count_start = self._clock.seconds()
            self._start_timer()
        sender.join_crowd(self)
        return True

    def forget_sender(self, sender: SendingSide) -> None:
        """Forget a sender whose connection is gone."""
        self._senders.pop(sender, None)
        self._more.pop(sender, None)
        if not self._senders:
            self._timer.stop()

    def release_senders(self) -> None:
        """Let all senders continue: the receiver has room, or is gone."""
        self._timer.stop()
        senders, self._senders = self._senders, {}
        for sender in senders:
            sender.leave_crowd(self)

    def _start_timer(self) -> None:
        self._timer.start(self._author.patience / LOOKS_PER_PATIENCE, self._check_progress)

    def _check_progress(self) -> None:
        receiver, now = self._receiver, self._clock.seconds()
        self._update_taken_bytes()
        taken = self._taken
        patience = self._author.patience
        slowly = LEAST_PATIENCES * patience
        if now - self._last_progress >= patience:
            receiver.cut_off(
                f"others wait to send to it, and it has taken nothing for {patience:g} s"
            )
        elif now - self._count_start < slowly:
            self._start_timer()
        elif taken - self._taken_at_start < LEAST_TAKEN:
            took = taken - self._taken_at_start
            receiver.cut_off(
                f"others wait to send to it, and it has taken {took} bytes in {slowly:g} s"
            )
        else:
            self._count_start, self._taken_at_start = now, taken
            self._start_timer()
