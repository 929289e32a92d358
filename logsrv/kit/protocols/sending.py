"""The sending side of a connection: gathers output, passes it to the transport, and waits for the peer.

Output of other connections for this peer comes here as well. A sender that writes more than the receiver
takes has to wait (`crowd`).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.connections.transports import Backpressure, undo_close_delay
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols import states
from logsrv.kit.protocols.context import AuthorProtocol
from logsrv.kit.protocols.faults import PeerGone, bytes_of, check_text
from logsrv.kit.protocols.waiting_senders import SenderCrowd

# Output is gathered into one write, until it is more than this many bytes.
GATHERED = 64 * 1024


@implementer(IPushProducer)
class SendingSide:
    """The sending side; the producer of its transport after the first write.

    author: the protocol object. state: the current state in the tables. lines: the output of the author's
    code that is on the stack, lines as str and anything else as bytes; None while no such code runs.
    gathered: the size of `lines`. full_duplex: the peer is read even while it does not take its output.
    """

    __slots__ = (
        "_crowd",
        "_room",
        "_waits_for",
        "author",
        "full_duplex",
        "gathered",
        "lines",
        "state",
    )

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
        self.gathered += len(text)
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

    def _write(self, data: bytes) -> None:
        """Pass bytes to the transport, unless the receiver is cut off for having too many to read."""
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
        self.author.transport.write(data)
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

    def write_gathered(self) -> None:
        """Pass the gathered output to the transport, which says when too much waits in it."""
        lines, self.lines, self.gathered = self.lines or [], [], 0
        alone = len(lines) == 1 and type(lines[0]) is bytes
        if data := lines[0] if alone else self._encode_output(lines):
            self._write(data)

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
        self.author.factory.count_cut("unread")
        self._log_cut(sentence)
        self.change_state(states.CUT)

    def _log_cut(self, sentence: str) -> None:
        log = PeerLogger(type(self.author).__module__, self.author.peer)
        log.warn("cut off: {sentence}", sentence=sentence)

    def join_crowd(self, crowd: SenderCrowd) -> None:
        self._waits_for = self._waits_for or set()
        self._waits_for.add(crowd)
        self.change_state(states.CROWD)

    def leave_crowd(self, crowd: SenderCrowd) -> None:
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
