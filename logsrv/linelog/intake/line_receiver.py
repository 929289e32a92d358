"""A connection whose bytes become lines, as of the inputs `lines` and `syslog`.

If it begins like one of another protocol, the log says what to do about it. Its bytes are stored as lines
all the same: a log may begin with a line such as `GET / HTTP/1.1`.
"""

from __future__ import annotations

import re

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from logsrv.kit.connections.linger import linger_at_close
from logsrv.kit.connections.transports import unread_bytes
from logsrv.linelog.intake.connections import InputProtocol
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.turns import LITTLE
from logsrv.linelog.lines.framer import BlockFramer, LineFramer
from logsrv.linelog.lines.joined import JoiningFramer
from logsrv.linelog.lines.rules import LineCounts, LineRules
from logsrv.reactor import Timer

_METHODS = rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT|PRI)"
_PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n"
_SENTENCES = (
    (
        re.compile(_METHODS + rb" [^ \r\n]+ HTTP/[0-9](?:\.[0-9])?\r?\n"),
        (
            "it speaks HTTP, which is stored as lines here: send it to an http listener; a health check"
            " should only connect"
        ),
    ),
    (
        re.compile(rb"PROXY (?:TCP[46]|UNKNOWN)[^\r\n]*\r?\n|" + re.escape(_PROXY_2)),
        (
            "it begins with a PROXY header, which is stored as a line here: listen with haproxy: before"
            " the endpoint, such as haproxy:tcp:1514"
        ),
    ),
    (
        re.compile(rb"[0-9]{1,9} open [0-9]{1,9} relp_version="),
        (
            "it speaks RELP, and waits for an answer, which this listener does not give: send it to a"
            " relp listener"
        ),
    ),
)
LONGEST = 1024
"""A beginning with more bytes is looked at no further."""


def sentence_about(beginning: bytes) -> str | None:
    """Return what to say about a connection; "" for nothing, None if its next bytes may tell."""
    beginning = beginning[:LONGEST]
    for pattern, sentence in _SENTENCES:
        if pattern.match(beginning):
            return sentence
    if _PROXY_2.startswith(beginning):
        return None
    usual = b"\n" in beginning or len(beginning) >= LONGEST or not beginning[:1].isalnum()
    return "" if usual else None


# Seconds without a byte after which a framer decides about bytes that wait.
_SILENCE = 1.0


class LineReceiver(InputProtocol):
    """A connection: passes bytes to the framer, its blocks to the intake, Telnet answers to the peer.

    Three causes pause it: the store, a peer that does not read our answers, and a costly chunk, after which
    other senders have their turn. It resumes when none of them is left.
    """

    # Made for the first bytes that wait.
    _timer: Timer | None = None
    # The framer's `waits` since the timer runs.
    _waits: tuple[int, ...] = ()
    # The first bytes, while they may be those of another protocol; then None.
    _beginning: bytes | None = b""

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        self._framer = self.make_framer(intake.rules, intake.counts)
        # Chunks that came while others have their turn: few, and an empty deque has 760 bytes.
        self._unread: list[bytes] = []

    def make_framer(self, rules: LineRules, counts: LineCounts) -> BlockFramer:
        """Return the framer for this connection."""
        return LineFramer(rules, counts)

    @property
    def more(self) -> bool:
        """Return true if the framer kept part of a chunk: then call `take_in(b"")` again."""
        return self._framer.more

    @property
    def working(self) -> bool:
        """Return true while received data is not taken in: a stop waits for it."""
        return bool(self._unread) or self.more

    def dataReceived(self, data: bytes) -> None:
        intake = self.intake
        if self.working:
            # TLS may deliver data that it had before it was paused.
            self._unread.append(data)
            return
        began = intake.cpu() if len(data) > LITTLE else None
        if began is not None and intake.turns.is_spent:
            self._unread.append(data)
            intake.valve.served(self)
            self.pauseProducing()
            intake.turns.wait(self)
            return
        try:
            size = self.take_in(data)
        except (Exception, SystemExit):
            self._abort()
            return
        if began is not None:
            intake.turns.count(intake.cpu() - began)
        if self.more:
            intake.valve.served(self)
            self.take_turn()
        else:
            intake.delivered(self, began, size)

    def take_turn(self) -> None:
        """Take in the framer's rest and unread chunks, until others have a turn."""
        try:
            done = self.intake.turns.run(self, self._take_rest)
        except (Exception, SystemExit):
            self._abort()
            return
        if not self.connected:
            if done:
                self.finish()
        elif done:
            self.resumeProducing()
        else:
            self.pauseProducing()

    def _abort(self) -> None:
        """Close the connection after an error in its own code."""
        self.intake.refuse_as_failed("taking in data", self.source)
        self._unread.clear()
        self._framer = self.make_framer(self.intake.rules, self.intake.counts)
        self.transport.abortConnection()

    def _take_rest(self) -> bool:
        if self.working:
            self.take_in(b"" if self.more else self._unread.pop(0))
            return True
        return False

    def _wait_as_costly(self) -> None:
        if self.connected:
            self.pauseProducing()
        self.intake.turns.wait_as_costly(self)

    def take_in(self, data: bytes) -> int:
        """Store the lines that `data` completes; return how many bytes they take in the store."""
        intake, framer = self.intake, self._framer
        intake.received_bytes += len(data)
        if self._beginning is not None:
            self._look_at_beginning(data)
        if framer.closing:
            # TLS delivers data until the peer closes as well: the framer counts it only.
            framer.receive(data)
            return 0
        block = framer.receive(data)
        size = 0 if block is None else intake.take(block, self.source)
        if framer.waits != self._waits:
            self._time_silence()
        if framer.answering and self.connected:
            self._send_telnet_answers()
        if framer.closing:
            self._close_with_reason(framer.closing)
        return size

    def _look_at_beginning(self, data: bytes) -> None:
        """Log that the peer seems to speak another protocol."""
        beginning = (self._beginning or b"") + data[:LONGEST]
        sentence = sentence_about(beginning)
        self._beginning = beginning if sentence is None else None
        if sentence:
            self.intake.complain(self.source, sentence, sentence)

    def _time_silence(self) -> None:
        """Start the timer anew, or stop it if nothing waits."""
        self._waits = self._framer.waits
        if self._timer is None:
            self._timer = Timer(self.intake.clock)
        if self._waits:
            self._timer.start(_SILENCE, self._silence)
        else:
            self._timer.stop()

    def _silence(self) -> None:
        if self.working or unread_bytes(self.transport):
            # The connection is paused, so further bytes may be there already.
            self._time_silence()
            return
        block = self._framer.receive_silence()
        if block is not None:
            self.intake.take(block, self.source)
        self._waits = ()
        if self.more:
            self._wait_as_costly()
        elif self._framer.waits:
            self._time_silence()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.connected = 0
        if not self.working:
            self.intake.turns.remove(self)
            self.finish()

    def finish(self) -> None:
        """Store the unfinished line. Called after the peer has gone and all its data is taken in."""
        if self._timer is not None:
            self._timer.stop()
        block = self._framer.finish()
        if block is not None:
            self.intake.take(block, self.source)

    def _send_telnet_answers(self) -> None:
        # A peer that has closed resets the connection when we write to it, and Twisted then drops its
        # unread bytes. So read those first.
        if not unread_bytes(self.transport):
            self.write_answer(self._framer.take_answers())

    def _close_with_reason(self, reason: str) -> None:
        self.intake.complain(self.source, f"closing the connection: {reason}", "closing")
        self.transport.write(f"logsrv: {reason}\r\n".encode())
        # A sender without acknowledgements would take what is dropped meanwhile for sent.
        linger_at_close(self.transport, lingers=False)
        self.transport.loseConnection()

    def resumeProducing(self) -> None:
        if not (self.is_held or self in self.intake.turns):
            self.transport.resumeProducing()


class JoiningReceiver(LineReceiver):
    """A connection whose lines of one record are stored as one line (--join)."""

    _framer: JoiningFramer

    def make_framer(self, rules: LineRules, counts: LineCounts) -> JoiningFramer:
        return JoiningFramer(super().make_framer(rules, counts), rules, counts)
