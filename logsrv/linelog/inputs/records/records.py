"""The connection under every input of records: what it stores, what it answers, and when.

What may take long is done in slices, which is why `received` is a generator: others are served between
them, and the peer is not read from until the last one.

An acknowledgement is sent when the store says that all before it is safe, and never otherwise: where a
disk fails the connection is cut, so that the client sends again what it has no answer for.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator
from typing import Protocol as Shape

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.linelog.framing.bodies.bodies import Records
from logsrv.linelog.inputs.intake.answers import Answering, AnswerWriter
from logsrv.linelog.inputs.intake.connections import InputProtocol
from logsrv.linelog.inputs.intake.gathering import Gathering
from logsrv.linelog.inputs.intake.intake import Intake

log = Logger()

# A peer that has so much stored and not yet acknowledged waits; most clients have a smaller window.
WINDOW = 4 << 20
# Bytes of an unfinished record from which on it may become work that takes turns.
LARGE = 256 << 10
# Bytes counted for each answer that waits, beside its own: it need not be for anything stored.
ANSWER = 1 << 10


class Working(enum.Enum):
    """State of the work on what a peer sent.

    | now     | bytes come | not done at once | done |
    | ------- | ---------- | ---------------- | ---- |
    | NOTHING | AT_ONCE    |                  |      |
    | AT_ONCE |            | IN_TURNS         | NOTHING |
    | IN_TURNS |           |                  | NOTHING |

    IN_TURNS the peer is not read from. Bytes that come all the same are done behind the others.
    """

    NOTHING = enum.auto()
    AT_ONCE = enum.auto()
    IN_TURNS = enum.auto()


class RecordFramer(Shape):
    """A framer of connections; `held` are the bytes that wait for the rest of their record."""

    @property
    def held(self) -> int: ...


class RecordReceiver(InputProtocol):
    """A connection: override `make_framer` and `received`, and `lost` if need be.

    As a producer it is paused by the store, by a peer that lets its answers lie, while what it sent is
    worked on and while too much waits to be acknowledged; it goes on when nothing holds it back.
    """

    acknowledges = False
    """Whether peers send again what they have no answer for."""
    record_name = "a record"
    """The name of what is dropped when the peer goes in the middle of it."""
    most_at_once = 1 << 20
    """The bytes that `received` gets at most: they may be a record every few bytes."""

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        self.ending = False
        """Whether the connection is being closed: what still comes is counted, and not looked at."""
        self._rules = intake.rules
        self.due = 0
        """How many acknowledgements wait until it is safe."""
        # Their bytes with those that were stored before them.
        self._unsafe = 0
        # The bytes stored since the last answer, and the moment before the first of them.
        self._stored = 0
        self._since = 0
        # Chunks that are not looked at yet, and the bytes that came since the last were done.
        self._unread: deque[bytes] = deque()
        self._came = 0
        self._work = Working.NOTHING
        # Made for the first answer.
        self._answers: AnswerWriter | None = None
        self.framer = self.make_framer()

    def make_framer(self) -> RecordFramer:
        """Return the framer that takes records out of the bytes received."""
        raise NotImplementedError(f"{type(self).__name__} has no make_framer")

    @property
    def working(self) -> bool:
        """Return true while something is to be stored or acknowledged: a stop waits for it."""
        return self._work is not Working.NOTHING or self.due > 0

    def received(self, data: bytes) -> Iterator[None]:
        """Take what the peer sent, cut anywhere, in steps between which others have a turn."""
        raise NotImplementedError(f"{type(self).__name__} has no received")

    def lost(self) -> None:
        """Drop what is unfinished, for the peer has gone; or store what may be stored of it."""
        if self.held:
            why = f"{self.record_name} broke off; it is not stored"
            self.intake.drop(self.source, "unfinished", why)

    def store(self, records: Records) -> Iterator[None]:
        """Store records, each as one line, in steps; an empty one is none.

        Behind one that closes the connection, by --oversize close, they are dropped and counted.
        """
        return self.store_gathered(Gathering(records, self._rules, self.intake.counts))

    @property
    def held(self) -> int:
        """Return how many bytes wait for the rest of their record."""
        return self.framer.held

    def give_way(self) -> None:
        """Close the connection: all of them hold too much that is unfinished."""
        self.lost()
        self.refuse("busy", "closing the connection: it waits longest of those with half a record")
        # A peer that reads no answers keeps the connection, and is not to keep what it has sent.
        self.framer = self.make_framer()

    def store_gathered(self, gathering: Gathering) -> Iterator[None]:
        """Store the records of a message that is understood, in steps."""
        if self.ending:
            gathering.closing = "nothing is taken any more"
        if not self._stored:
            self._since = self.intake.moment
        yield from gathering.store(self.intake, self.source)
        self._stored += gathering.stored
        if gathering.closing is not None:
            self.refuse("oversize", gathering.closing)

    def answer(self, data: bytes) -> None:
        """Send an answer that has nothing to wait for."""
        if data and self.connected and not self.ending:
            self._write(data)

    def answer_when_safe(self, data: bytes) -> None:
        """Send an answer as soon as all that was stored before is safe; in the order of the calls."""
        since = self._since if self._stored else None
        size, self._stored = self._stored + len(data) + ANSWER, 0
        self._unsafe += size
        self.due += 1
        safe = self.intake.durable(since)
        safe.addCallbacks(self._safe, self._unsafe_for_good, callbackArgs=(data, size))
        if self._unsafe > WINDOW and not safe.called and self.connected:
            self.pauseProducing()

    def refuse(self, reason: str, sentence: str, last_words: bytes = b"") -> None:
        """Close the connection on account of what the peer sent, and say so in the log.

        reason: the label in the metrics. What is to be acknowledged still is.
        """
        if self.ending:
            return
        self.intake.drop(self.source, reason, sentence)
        self.end(last_words)

    def end(self, last_words: bytes = b"") -> None:
        """Close the connection when all that was stored is acknowledged."""
        if self.ending:
            return
        if last_words and self.connected:
            self._write(last_words)
        self.ending = True
        self.intake.unfinished.forget(self)
        self._leave_when_safe()

    def dataReceived(self, data: bytes) -> None:
        self.intake.received_bytes += len(data)
        if self.ending:
            return
        self._came += len(data)
        self._unread.append(data)
        if self._work is not Working.NOTHING:
            # TLS may deliver what it had before it was paused.
            return
        self.intake.valve.served(self)
        self._work = Working.AT_ONCE
        self.intake.time_slices.begin(self._steps(), self._done, again=self.acknowledges)
        self._go_on_in_turns()

    def _go_on_in_turns(self) -> None:
        if self._work is Working.AT_ONCE:
            # It waits for us, and for nothing that its peer owes.
            self.intake.unfinished.forget(self)
            self._work = Working.IN_TURNS
            self.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.intake.unfinished.forget(self)
        self.connected = 0
        if self._work is Working.NOTHING:
            self._end_of_data()

    def _steps(self) -> Iterator[None]:
        while self._unread:
            data = self._unread.popleft()
            for at in range(0, len(data), self.most_at_once):
                if self.ending:
                    return
                yield from self.received(data[at : at + self.most_at_once])
                yield

    def _done(self, failure: Failure | None) -> None:
        paused, self._work = self._work is Working.IN_TURNS, Working.NOTHING
        if failure is not None:
            self._unread.clear()
            self.ending = True
            log.failure("taking in what {source} sent failed", failure, source=self.source)
            self.transport.abortConnection()
        elif not self.connected:
            self._end_of_data()
        elif self.ending:
            self._leave_when_safe()
        else:
            came, self._came = self._came, 0
            self.intake.unfinished.note(self, self.held, came)
            if self.ending:
                return
            if self._crowded:
                self.pauseProducing()
                self.intake.time_slices.wait_for_room(self)
            elif paused:
                self.resumeProducing()

    @property
    def _crowded(self) -> bool:
        """Return true while others' work has to be done before more of a long record is received."""
        return self.held > LARGE and self.intake.time_slices.full

    def _end_of_data(self) -> None:
        if not self.ending:
            self.lost()
        self.ending = True

    def _safe(self, _: None, data: bytes, size: int) -> None:
        self._unsafe -= size
        self.due -= 1
        if self.connected:
            self._write(data)
            if self.ending:
                self._leave_when_safe()
            else:
                self.resumeProducing()

    def _unsafe_for_good(self, failure: Failure) -> None:
        if self.connected:
            why = f"nothing is acknowledged any more: {failure.getErrorMessage()}"
            self.intake.complain(self.source, why)
            self.ending = True
            self.transport.abortConnection()

    def _write(self, data: bytes) -> None:
        if self._answers is None:
            self._answers = AnswerWriter(self, self.intake.clock)
        self._answers.write(data)

    def _leave_when_safe(self) -> None:
        if self.due or self._work is not Working.NOTHING or not self.connected:
            return
        if self._answers is not None:
            self._answers.let_go()
        self.transport.loseConnection()

    def resumeProducing(self) -> None:
        unread = self._answers is not None and self._answers.state is Answering.UNREAD
        unsafe = self._unsafe > WINDOW
        busy = self._work is not Working.NOTHING
        if not self.connected or busy or self.intake.valve.holds(self) or unread or unsafe:
            # Each of these resumes it when it is over.
            return
        if self._crowded:
            self.intake.time_slices.wait_for_room(self)
        else:
            self.transport.resumeProducing()
