"""The base class for connections that receive records: it stores them and acknowledges them.

`received` is a generator, so that long work is done in slices: other peers are served between two slices,
and this peer is not read from until the last one is done.

An acknowledgement is sent only when the store says that everything before it is safe. If the disk fails,
the connection is closed, and the client sends everything unacknowledged again.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator
from typing import Protocol as Shape

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.linelog.intake.connections import AnswerState, AnswerWriter, InputProtocol
from logsrv.linelog.intake.gathering import GatheredRecords
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.lines.bodies import Records

log = Logger()

# A peer with more stored but unacknowledged bytes is paused; most clients have a smaller window.
WINDOW = 4 << 20
# A peer with an unfinished record of more bytes is paused while many jobs wait, because the record may
# become one more job.
LARGE = 256 << 10
# Bytes counted for each waiting answer in addition to its length: it may acknowledge no stored bytes.
ANSWER = 1 << 10


class WorkState(enum.Enum):
    """State of the work on a peer's data.

    | now     | bytes come | not done at once | done |
    | ------- | ---------- | ---------------- | ---- |
    | NOTHING | AT_ONCE    |                  |      |
    | AT_ONCE |            | IN_TURNS         | NOTHING |
    | IN_TURNS |           |                  | NOTHING |

    While IN_TURNS, the peer is not read from. Bytes that still arrive are worked on after the others.
    """

    NOTHING = enum.auto()
    AT_ONCE = enum.auto()
    IN_TURNS = enum.auto()


class RecordFramer(Shape):
    """A framer of connections. unfinished_bytes: number of bytes kept of an unfinished record."""

    @property
    def unfinished_bytes(self) -> int: ...


class RecordReceiver(InputProtocol):
    """A connection: override `make_framer` and `received`, and `lost` if necessary.

    Four causes pause it: the store, a peer that does not read its answers, work on the peer's data, and too
    many unacknowledged bytes. It resumes when none of them is left.
    """

    acknowledges = False
    """Whether peers send unacknowledged records again."""
    record_name = "a record"
    """The subject of the message about an unfinished record that is dropped, such as "an event"."""
    most_at_once = 1 << 20
    """The most bytes passed to one call of `received`: every few bytes may be a record."""

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        self.ending = False
        """Whether the connection is being closed: later bytes are only counted."""
        self._rules = intake.rules
        self.due = 0
        """Number of acknowledgements that wait until their records are safe."""
        # Bytes of these acknowledgements, and of the records that they are for.
        self._unsafe = 0
        # Bytes stored since the last answer, and `Intake.moment` before the first of them.
        self._stored = 0
        self._since = 0
        # Chunks not parsed yet, and the bytes that came since the work was last done.
        self._unread: deque[bytes] = deque()
        self._came = 0
        self._work = WorkState.NOTHING
        # Made for the first answer.
        self._answers: AnswerWriter | None = None
        self.framer = self.make_framer()

    def make_framer(self) -> RecordFramer:
        """Return a new framer, which splits received bytes into records."""
        raise NotImplementedError(f"{type(self).__name__} has no make_framer")

    @property
    def working(self) -> bool:
        """Return true while data must still be stored or acknowledged: a stop waits for it."""
        return self._work is not WorkState.NOTHING or self.due > 0

    def received(self, data: bytes) -> Iterator[None]:
        """Take in data of the peer, cut anywhere; other peers may have a turn after each step."""
        raise NotImplementedError(f"{type(self).__name__} has no received")

    def lost(self) -> None:
        """Drop the unfinished record of a peer that has gone; override this to store it."""
        if self.unfinished_bytes:
            why = f"{self.record_name} is not stored: the connection ended in the middle of it"
            self.intake.drop(self.source, "unfinished", why)

    def store(self, records: Records) -> Iterator[None]:
        """Store records, each as one line, in steps; empty ones are skipped.

        With --oversize close, a record that is too long closes the connection; all later ones are dropped
        and counted.
        """
        return self.store_gathered(GatheredRecords(records, self._rules, self.intake.counts))

    @property
    def unfinished_bytes(self) -> int:
        """Return the number of bytes kept of an unfinished record."""
        return self.framer.unfinished_bytes

    def give_way(self) -> None:
        """Close the connection, because all connections together keep too many unfinished bytes."""
        # This counts or stores the record.
        self.lost()
        why = "closing the connection: too many unfinished records; this is the oldest"
        self.intake.complain(self.source, why, "busy")
        self.end()
        # A peer that reads no answers stays connected; its bytes must go now.
        self.framer = self.make_framer()

    def store_gathered(self, gathering: GatheredRecords) -> Iterator[None]:
        """Store the records of a message that is wholly parsed, in steps."""
        if self.ending:
            gathering.closing = "the connection is being closed"
        if not self._stored:
            self._since = self.intake.moment
        yield from gathering.store(self.intake, self.source)
        self._stored += gathering.stored
        if gathering.closing is not None:
            self.refuse("oversize", gathering.closing, records=gathering.dropped)

    def answer(self, data: bytes) -> None:
        """Send an answer at once."""
        if data and self.connected and not self.ending:
            self._write_answer(data)

    def answer_when_safe(self, data: bytes) -> None:
        """Send an answer when everything stored before is safe; answers keep the order of the calls."""
        since = self._since if self._stored else None
        size, self._stored = self._stored + len(data) + ANSWER, 0
        self._unsafe += size
        self.due += 1
        safe = self.intake.durable(since)
        safe.addCallbacks(self._acknowledge, self._close_unacknowledged, callbackArgs=(data, size))
        if self._unsafe > WINDOW and not safe.called and self.connected:
            self.pauseProducing()

    def refuse(
        self, reason: str, sentence: str, last_words: bytes = b"", *, records: int = 1
    ) -> None:
        """Close the connection because of the peer's data, and log `sentence`.

        reason: label in the metrics. last_words: bytes to send before closing. records: number of refused
        records. Acknowledgements that wait are still sent.
        """
        if self.ending:
            return
        self.intake.drop(self.source, reason, sentence, records)
        self.end(last_words)

    def end(self, last_words: bytes = b"") -> None:
        """Close the connection once everything stored is acknowledged. last_words: bytes to send now."""
        if self.ending:
            return
        if last_words and self.connected:
            self._write_answer(last_words)
        self.ending = True
        self.intake.unfinished.forget(self)
        self._close_when_safe()

    def dataReceived(self, data: bytes) -> None:
        self.intake.received_bytes += len(data)
        if self.ending:
            return
        self._came += len(data)
        self._unread.append(data)
        if self._work is not WorkState.NOTHING:
            # TLS may deliver data that it had before it was paused.
            return
        self.intake.valve.served(self)
        self._work = WorkState.AT_ONCE
        self.intake.time_slices.begin(
            self._receive_steps(), self._work_ended, again=self.acknowledges
        )
        self._go_on_in_turns()

    def _go_on_in_turns(self) -> None:
        if self._work is WorkState.AT_ONCE:
            # The connection waits for us, not for its peer to finish a record.
            self.intake.unfinished.forget(self)
            self._work = WorkState.IN_TURNS
            self.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.intake.unfinished.forget(self)
        self.connected = 0
        if self._work is WorkState.NOTHING:
            self._data_ended()

    def _receive_steps(self) -> Iterator[None]:
        while self._unread:
            data = self._unread.popleft()
            for at in range(0, len(data), self.most_at_once):
                if self.ending:
                    return
                yield from self.received(data[at : at + self.most_at_once])
                yield

    def _work_ended(self, failure: Failure | None) -> None:
        paused, self._work = self._work is WorkState.IN_TURNS, WorkState.NOTHING
        if failure is not None:
            self._unread.clear()
            self.ending = True
            log.failure("taking in data from {source} failed", failure, source=self.source)
            self.transport.abortConnection()
        elif not self.connected:
            self._data_ended()
        elif self.ending:
            self._close_when_safe()
        else:
            came, self._came = self._came, 0
            self.intake.unfinished.note(self, self.unfinished_bytes, came)
            if self.ending:
                return
            if self._must_wait_for_room:
                self.pauseProducing()
                self.intake.time_slices.resume_when_room(self)
            elif paused:
                self.resumeProducing()

    @property
    def _must_wait_for_room(self) -> bool:
        """Return true while a long record must wait for the work of other connections."""
        return self.unfinished_bytes > LARGE and self.intake.time_slices.is_full

    def _data_ended(self) -> None:
        if not self.ending:
            self.lost()
        self.ending = True

    def _acknowledge(self, _: None, data: bytes, size: int) -> None:
        self._unsafe -= size
        self.due -= 1
        if self.connected:
            self._write_answer(data)
            if self.ending:
                self._close_when_safe()
            else:
                self.resumeProducing()

    def _close_unacknowledged(self, failure: Failure) -> None:
        if self.connected:
            why = f"closing the connection without acknowledgement: {failure.getErrorMessage()}"
            self.intake.complain(self.source, why)
            self.ending = True
            self.transport.abortConnection()

    def _write_answer(self, data: bytes) -> None:
        if self._answers is None:
            self._answers = AnswerWriter(self, self.intake.clock)
        self._answers.write(data)

    def _close_when_safe(self) -> None:
        if self.due or self._work is not WorkState.NOTHING or not self.connected:
            return
        if self._answers is not None:
            self._answers.unregister_before_close()
        self.transport.loseConnection()

    def resumeProducing(self) -> None:
        unread = self._answers is not None and self._answers.state is AnswerState.UNREAD
        unsafe = self._unsafe > WINDOW
        busy = self._work is not WorkState.NOTHING
        if not self.connected or busy or self.intake.valve.holds(self) or unread or unsafe:
            # Whichever cause ends last calls this again.
            return
        if self._must_wait_for_room:
            self.intake.time_slices.resume_when_room(self)
        else:
            self.transport.resumeProducing()
