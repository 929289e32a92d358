"""The `gelf` input: Graylog's format, over streams (ended by NUL) and in datagrams (packed, in chunks)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from math import inf

import attrs
from twisted.internet.defer import Deferred

from logsrv.linelog.formats.gelf.parse import (
    MAGIC,
    SECONDS,
    ChunkJoiner,
    GelfFramer,
    add_gelf_datagram,
    is_packed,
)
from logsrv.linelog.intake.connections import Input, InputDatagrams
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.parsing import ParseOrder
from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.lines.bodies import LARGE, BodyRules, Records, RequestRefused
from logsrv.linelog.lines.objects import add_object_or_text, add_objects_or_text
from logsrv.linelog.lines.rules import for_datagrams
from logsrv.reactor import Timer

# A message that ends with LF is reported if no NUL comes within this time.
_NUL_SECONDS = 1
_LF = (
    "its message ends with LF, but GELF over TCP ends with NUL: it waits, as one with all that follows; set"
    " the sender to end messages with NUL, or send JSON lines to the lines input"
)


class GelfReceiver(RecordReceiver):
    """A connection. GELF has no acknowledgements, so an unfinished message at the end is stored too."""

    framer: GelfFramer
    record_name = "a message"

    def __init__(self, intake: Intake) -> None:
        self._most = intake.options.max_record
        self._nul_timer = Timer(intake.clock)
        super().__init__(intake)
        self.body_rules = _rules(intake)

    def make_framer(self) -> GelfFramer:
        return GelfFramer(self._rules, self.intake.counts, self._most)

    def messages(self, data: bytes) -> Iterator[list[bytes] | Records]:
        yield from self.framer.receive(data)
        if self.framer.closing:
            self.refuse("oversize", self.framer.closing)
        self._nul_timer.stop()
        if self.framer.is_ended_by_lf:
            self._nul_timer.start(_NUL_SECONDS, self._tell_of_lf)

    def received(self, message: list[bytes] | Records) -> None:
        if isinstance(message, Records):
            self.store(message)
        elif len(message[0]) > LARGE:
            self.parse(add_object_or_text, message[0])
        else:
            records = Records()
            add_objects_or_text(message, self._most, records)
            self.store(records)

    def _tell_of_lf(self) -> None:
        self.intake.complain(self.source, _LF)

    def lost(self) -> None:
        self._nul_timer.stop()
        for message in self.framer.finish():
            self.received(message)


class GelfDatagrams(InputDatagrams):
    """Datagrams, each one message or one chunk. As a sender it takes turns: one may unpack to megabytes."""

    # 256 KiB of unusual messages take half a second.
    most_at_once = 64 << 10

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        self._chunks = ChunkJoiner()
        self._expiry_timer = Timer(intake.clock)
        # Whole messages with their sources.
        self._whole: deque[tuple[bytes, str]] = deque()

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        for payload in payloads:
            whole: bytes | None = payload
            if payload.startswith(MAGIC):
                whole = self._chunks.add_chunk(source, payload, self.intake.clock.seconds())
            if whole is not None:
                self._whole.append((whole, source))
        if not self.intake.backlog:
            self.take_turn()
        self._count_given_up()

    def take_turn(self) -> None:
        """Take in messages until none is left, a worker parses one, or others have a turn."""
        intake, intake.backlog = self.intake, True
        try:
            intake.backlog = not intake.turns.run(self, self._take_next)
        except (Exception, SystemExit):
            intake.refuse_as_failed("taking in datagrams", "")
            intake.turns.wait(self)
        if intake.datagrams is not None:
            if intake.backlog:
                intake.datagrams.pauseProducing()
            else:
                intake.datagrams.resumeProducing()

    def _take_next(self) -> bool | Deferred[None]:
        """Store the next messages of a sender: all together that are small, or one that is not."""
        if not self._whole:
            return False
        message, source = self._whole.popleft()
        if _is_costly(message):
            return Deferred.fromCoroutine(self._parse(message, source))
        messages = [message]
        while self._whole and self._whole[0][1] == source and not _is_costly(self._whole[0][0]):
            messages.append(self._whole.popleft()[0])
        records = Records()
        add_objects_or_text(messages, self.intake.options.max_record, records)
        self.intake.take_datagram_records(records, source)
        return True

    async def _parse(self, datagram: bytes, source: str) -> None:
        intake = self.intake
        order = ParseOrder(add_gelf_datagram, datagram, _rules(intake), for_datagrams(intake.rules))
        try:
            intake.take_gathered((await intake.parse(order)).gathered, source)
        except RequestRefused as refusal:
            intake.drop(source, refusal.reason, f"dropped a datagram: {refusal}")
        except (Exception, SystemExit):
            intake.refuse_as_failed("taking in a datagram", source)

    def _count_given_up(self) -> None:
        """Count the messages that were given up, and start the timer for the unfinished ones."""
        chunks = self._chunks
        number, chunks.given_up = chunks.given_up, 0
        if number:
            why = "dropped unfinished messages: not all of their chunks came in time"
            self.intake.drop(self.intake.label, "unfinished", why, number)
        if len(chunks) and not self._expiry_timer.running:
            self._expiry_timer.start(SECONDS, self._drop_expired)

    def _drop_expired(self) -> None:
        self._chunks.drop_expired(self.intake.clock.seconds())
        self._count_given_up()

    def close(self) -> None:
        """Give up the unfinished messages: no more chunks come."""
        self._expiry_timer.stop()
        self._chunks.drop_expired(inf)
        self._count_given_up()


def _rules(intake: Intake) -> BodyRules:
    """Return the limits of a message: --max-record alone says what is text, not --max-line."""
    return attrs.evolve(intake.body_rules, max_record=intake.options.max_record)


def _is_costly(message: bytes) -> bool:
    return is_packed(message) or len(message) > LARGE


class Gelf(Input):
    """The `gelf` input."""

    name = "gelf"
    stream_note = "takes messages that end with NUL; one that ends with LF waits for its NUL"
    connection = GelfReceiver
    receiver = GelfDatagrams
