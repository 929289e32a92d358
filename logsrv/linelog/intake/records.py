"""The base class for connections that receive records: it stores them and acknowledges them.

An acknowledgement is sent only when the store says that everything before it is safe. If the disk fails,
the connection is closed, and the client sends everything unacknowledged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from logsrv.kit.connections.linger import linger_at_close
from logsrv.kit.protocols.faults import wrong_value_text
from logsrv.linelog.intake.connections import InputProtocol
from logsrv.linelog.intake.gathering import GatheredRecords, gather
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.parsing import Parsed, ParseOrder, Parser, reference_of
from logsrv.linelog.intake.sorting import Moment
from logsrv.linelog.intake.turns import LITTLE
from logsrv.linelog.lines.bodies import LARGE, Records, Reply, RequestRefused, TooLargeHereError
from logsrv.linelog.lines.framer import RecordFramer
from logsrv.state_table import state_table

# A peer with more stored but unacknowledged bytes is paused; most clients have a smaller window.
WINDOW = 4 << 20
# Bytes counted for each waiting answer in addition to its length: it may acknowledge no stored bytes.
ANSWER = 1 << 10


NEXT = state_table(
    {
        # Nothing that was received is left.
        "READING": {"work": "WORKING", "end": "CLOSING", "lose": "LEFT"},
        # Received data is left, or a worker has some of it.
        "WORKING": {"work": "WORKING", "rest": "READING", "end": "ENDING", "lose": "LEFT"},
        # The same in a connection that is being closed: what is left is dropped. A store that fails closes
        # it once more.
        "ENDING": {"work": "ENDING", "rest": "CLOSING", "end": "ENDING", "lose": "DROPPING"},
        # It is closed when everything stored is acknowledged. The last record may need a worker.
        "CLOSING": {"work": "ENDING", "end": "CLOSING", "lose": "GONE"},
        # The peer has gone: what it sent before is stored.
        "LEFT": {"work": "LEFT", "rest": "GONE", "end": "DROPPING"},
        # The peer has gone, and the rest of what it sent is dropped.
        "DROPPING": {"work": "DROPPING", "rest": "GONE"},
        "GONE": {},
    }
)
"""The states: for each the events, and the state after each event."""
_AT_WORK = frozenset(("WORKING", "ENDING", "LEFT", "DROPPING"))
_AT_ITS_END = frozenset(("ENDING", "CLOSING", "DROPPING", "GONE"))


class RecordReceiver(InputProtocol):
    """A connection: override `make_framer`, `received`, and, if it needs them, `messages` and `lost`.

    What has come is taken in at once, message by message, until a worker parses one, or others have a turn.
    Five causes pause the peer: the store, answers that it does not read, a message with a worker, other
    peers' turns, and too many unacknowledged bytes. It resumes when none of them is left.
    """

    acknowledges = False
    """Whether peers send unacknowledged records again."""
    record_name = "a record"
    """The subject of the message about an unfinished record that is dropped, such as "an event"."""
    most_at_once = 32 << 10
    """The most bytes passed to one call of `messages`: every few bytes may be a record."""

    # Fires when a worker's message is stored or refused.
    _parsed: Deferred[None] = succeed(None)

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        self.ending = False
        """Whether the connection is being closed: later bytes are only counted."""
        self._rules = intake.rules
        self.body_rules = intake.body_rules
        self.due = 0
        """Number of acknowledgements that wait until their records are safe."""
        # Bytes of these acknowledgements, and of the records that they are for.
        self._unsafe = 0
        # Bytes stored since the last answer, and `Intake.moment` before the first of them.
        self._stored = 0
        self._since: Moment = 0
        # Unsplit chunks, the messages of the last one, and the bytes that came since all were taken in.
        self._unread: list[bytes] = []
        self._messages: Iterator[Any] = iter(())
        self._came = 0
        # Answers to send behind that of a worker's message; None while no worker has one. Those behind a
        # message that ends the connection are not sent.
        self._behind: bytes | None = None
        self._state = "READING"
        self._paused = False
        self.framer = self.make_framer()

    def make_framer(self) -> RecordFramer:
        """Return a new framer, which splits received bytes into records."""
        raise NotImplementedError(f"{type(self).__name__} has no method make_framer")

    @property
    def working(self) -> bool:
        """Return true while data must still be stored or acknowledged: a stop waits for it."""
        return self._state in _AT_WORK or self.due > 0

    @property
    def peer_waits(self) -> bool:
        """Return true while the peer waits for an answer, as while a disk is full: it is not idle."""
        return self.working

    def messages(self, data: bytes) -> Iterable[Any]:
        """Return the messages in data of the peer, cut anywhere; by default the data itself is one.

        The next one is asked for when the one before is stored.
        """
        return (data,)

    def received(self, message: Any) -> None:
        """Store one of the `messages`, or `parse` it."""
        raise NotImplementedError(f"{type(self).__name__} has no method received")

    def lost(self) -> None:
        """Drop the unfinished record of a peer that has gone; override this to store it."""
        if self.unfinished_bytes:
            why = f"{self.record_name} is not stored: the connection ended in the middle of it"
            self.intake.drop(self.source, "unfinished", why)

    def store(self, records: Records) -> None:
        """Store records, each as one line; empty ones are skipped.

        With --oversize close, a record that is too long closes the connection; all later ones are dropped
        and counted.
        """
        gathered = gather(records, self._rules, self.intake.counts)
        if self.ending:
            lost = sum(len(block) - block.number for block in gathered.blocks)
            self.intake.counts.dropped_closed += lost
        else:
            self._store_gathered(gathered)

    def parse(self, parser: Parser, message: bytes | bytearray, answer: bytes = b"") -> None:
        """Parse a message, a large one in a worker, and store its records, or refuse it (`refuse_message`).

        When they are safe, what `answer_to` its reply returns is sent, and then `answer`. The next message
        is not taken before this one is stored. Raises TypeError for a second while a worker has the first.
        """
        if not self._parsed.called:
            raise TypeError("received parses one message; the next one has to come by messages")
        order = ParseOrder(parser, message, self.body_rules, self._rules)
        try:
            parsed = order.parse_here(self.intake.counts)
        except TooLargeHereError:
            self._parsed = Deferred.fromCoroutine(self._parse_in_worker(order, answer))
            self._parsed.addErrback(self._refuse_as_failed)
        except RequestRefused as refusal:
            self.refuse_message(refusal)
        except (Exception, SystemExit):
            self.refuse_message(self.intake.failed(reference_of(parser), self.source))
        else:
            self._store_parsed(parsed, answer)

    def answer_to(self, reply: Reply) -> bytes:
        """Return the answer to send to the peer, from a parser's reply."""
        return reply.body

    def refuse_message(self, refusal: RequestRefused) -> None:
        """Close the connection because of a message that `parse` has refused."""
        busy = refusal.status == HTTPStatus.SERVICE_UNAVAILABLE
        if busy and self.acknowledges:
            self.intake.request_refused(refusal)
            self.intake.complain(self.source, f"closing the connection: {refusal}", refusal.reason)
            self.end()
        elif busy or self.ending:
            why = f"dropped {self.record_name}: {refusal}"
            self.intake.drop(self.source, refusal.reason, why, refusal.number)
        else:
            why = f"closing the connection: {refusal}"
            self.refuse(refusal.reason, why, records=refusal.number)
        if self.ending:
            # An answer behind it would acknowledge it.
            self._behind = b""

    @property
    def unfinished_bytes(self) -> int:
        """Return the number of bytes kept of an unfinished record."""
        return self.framer.unfinished_bytes

    def give_way(self) -> None:
        """Close the connection, because all connections together keep too many unfinished bytes."""
        self._take_lost()
        why = "closing the connection: too many unfinished records; this is the oldest"
        self.intake.complain(self.source, why, "busy")
        self.end()
        # A peer that reads no answers stays connected; its bytes must go now.
        self.framer = self.make_framer()

    def answer(self, data: bytes) -> None:
        """Send an answer at once."""
        if data and self.connected and not self.ending:
            self.write_answer(data)

    def answer_when_safe(self, data: bytes) -> None:
        """Send an answer when everything stored before is safe; answers keep the order of the calls.

        What a worker parses now is stored before. After a message that is refused, and so ends the
        connection, no answer is sent.
        """
        if not isinstance(data, bytes):
            raise TypeError(f"an answer has to be bytes, not {wrong_value_text(data)}")
        if self._behind is not None:
            self._behind += data
            return
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

        reason: label in the metrics. last_words: bytes to send before closing, behind the acknowledgements
        that wait. records: number of refused records.
        """
        if self.ending:
            return
        self.intake.drop(self.source, reason, sentence, records)
        self.end(last_words)

    def end(self, last_words: bytes = b"") -> None:
        """Close the connection once everything stored is acknowledged. last_words: bytes to send then."""
        if self.ending:
            return
        if last_words and self.due:
            self.answer_when_safe(last_words)
        elif last_words and self.connected:
            self.write_answer(last_words)
        self._advance("end")
        self.intake.unfinished.forget(self)
        self._close_when_safe()

    def _advance(self, event: str) -> None:
        self._state = NEXT[self._state][event]
        self.ending = self._state in _AT_ITS_END

    def dataReceived(self, data: bytes) -> None:
        intake = self.intake
        intake.received_bytes += len(data)
        if self.ending:
            return
        self._came += len(data)
        self._unread.append(data)
        if self._state == "WORKING":
            # TLS may deliver data that it had before it was paused.
            return
        intake.valve.served(self)
        if len(data) > LITTLE and intake.turns.is_spent:
            self._wait()
            intake.turns.wait(self)
        else:
            self.take_turn()

    def take_turn(self) -> None:
        """Take in messages until none is left, a worker parses one, or others have a turn."""
        # Not `_advance`, which takes longer: neither this event nor `rest` begins the end of a connection.
        self._state, done = NEXT[self._state]["work"], True
        try:
            done = self.intake.turns.run(self, self._take_next)
        except (Exception, SystemExit):
            self._refuse_as_failed(Failure())
            if not self._parsed.called:
                self.intake.turns.wait_after(self._parsed, self)
                done = False
        if done:
            self._all_taken()
        else:
            self._wait()

    def _take_next(self) -> bool | Deferred[None]:
        """Take the next message, or split the next chunk; return false if there is none to take now."""
        if self.ending:
            return False
        for message in self._messages:
            result: object = self.received(message)  # type: ignore[func-returns-value]
            if result is not None:
                raise TypeError(
                    f"received returned {wrong_value_text(result)}; it has to return None"
                )
            return self._parsed
        if not self._unread:
            return False
        data = self._unread.pop(0)
        if len(data) > self.most_at_once:
            self._unread.insert(0, data[self.most_at_once :])
            data = data[: self.most_at_once]
        self._messages = iter(self.messages(data))
        return True

    def _wait(self) -> None:
        self._advance("work")
        # The connection waits for us, not for its peer to finish a record.
        self.intake.unfinished.forget(self)
        self.pauseProducing()

    def _all_taken(self) -> None:
        self._messages = iter(())
        if not self.connected:
            self._unread.clear()
            self._data_ended()
            return
        self._state = NEXT[self._state]["rest"]
        if self.ending:
            self._unread.clear()
            self._close_when_safe()
        else:
            came, self._came = self._came, 0
            self.intake.unfinished.note(self, self.unfinished_bytes, came)
            if self._must_wait_for_workers:
                self.pauseProducing()
            if not self.ending:
                self.resumeProducing()

    async def _parse_in_worker(self, order: ParseOrder, answer: bytes) -> None:
        self._behind = b""
        parsed: Parsed | RequestRefused
        try:
            waiting = self.intake.parse_in_worker(order)
            del order
            parsed = await waiting
        except RequestRefused as refusal:
            parsed = refusal
        finally:
            behind, self._behind = self._behind, None
        if isinstance(parsed, RequestRefused):
            self.refuse_message(parsed)
        else:
            self._store_parsed(parsed, answer)
        if behind and not self.ending:
            self.answer_when_safe(behind)

    def _refuse_as_failed(self, failure: Failure) -> None:
        """Close the connection after an error in its own code; what is stored is still acknowledged."""
        self.refuse_message(self.intake.failed("received", self.source, failure))

    def _store_parsed(self, parsed: Parsed, answer: bytes) -> None:
        self._store_gathered(parsed.gathered)
        answer = self.answer_to(parsed.reply) + answer
        if answer and not self.ending:
            self.answer_when_safe(answer)

    def _store_gathered(self, gathered: GatheredRecords) -> None:
        if not self._stored:
            self._since = self.intake.moment
        self._stored += self.intake.take_gathered(gathered, self.source)
        if gathered.closing is not None:
            self.refuse("oversize", gathered.closing, records=gathered.dropped)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.intake.unfinished.forget(self)
        self.connected = 0
        before = self._state
        self._advance("lose")
        if before == "READING":
            self._data_ended()

    def _data_ended(self) -> None:
        """End: the peer has gone, and all that it sent is taken, but perhaps an unfinished record."""
        if self.ending or self._take_lost():
            self._advance("rest")

    def _take_lost(self) -> bool:
        """Take an unfinished record; return false if a worker parses it, and `take_turn` follows."""
        self.lost()
        if self._parsed.called:
            return True
        self._advance("work")
        self.intake.turns.wait_after(self._parsed, self)
        return False

    def _acknowledge(self, _: None, data: bytes, size: int) -> None:
        self._unsafe -= size
        self.due -= 1
        if self.connected:
            self.write_answer(data)
            if self.ending:
                self._close_when_safe()
            else:
                self.resumeProducing()

    def _close_unacknowledged(self, failure: Failure) -> None:
        if self.connected:
            why = f"closing the connection without acknowledgement: {failure.getErrorMessage()}"
            self.intake.complain(self.source, why, "unsafe")
            self._advance("end")
            self.transport.abortConnection()

    def _close_when_safe(self) -> None:
        if self.working or not self.connected:
            return
        if self.answers is not None:
            self.answers.unregister_before_close()
        linger_at_close(self.transport)
        self.transport.loseConnection()

    def pauseProducing(self) -> None:
        self._paused = True
        if self.connected:
            super().pauseProducing()

    def resumeProducing(self) -> None:
        """Read from the peer, unless a cause to wait is left. Whichever ends last calls this again."""
        if not (self.connected and self._paused) or self._state in _AT_WORK:
            return
        if self._unsafe > WINDOW or self.is_held:
            return
        if self._must_wait_for_workers:
            self.intake.unfinished.resume_after_answer(self)
        else:
            self._paused = False
            self.transport.resumeProducing()

    @property
    def _must_wait_for_workers(self) -> bool:
        """Return whether a long record would be one message more than there is room for."""
        return self.unfinished_bytes > LARGE and self.intake.workers_are_full
