"""The `gelf` input: Graylog's format, over streams (ended by NUL) and in datagrams (packed, in chunks)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from math import inf

from logsrv.linelog.formats.gelf.parse import (
    MAGIC,
    SECONDS,
    ChunkJoiner,
    GelfFramer,
    unpacked_message,
)
from logsrv.linelog.intake.connections import Input, InputDatagrams
from logsrv.linelog.intake.gathering import store_datagram_records
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.lines.bodies import Records
from logsrv.linelog.lines.inflated import TooLargeError
from logsrv.linelog.lines.long_work import run_to_result
from logsrv.linelog.lines.objects import add_objects_or_text
from logsrv.timer import Timer

# A datagram that unpacks to more than this many times --max-record is dropped. A smaller one that is longer
# than --max-record is stored as text.
_TIMES_A_RECORD = 8
# After this many unpacked bytes the messages so far are stored; the other datagrams follow when the store
# has room. One datagram may become megabytes.
_AT_ONCE = 1 << 20
# A message that ends with LF is reported if no NUL comes within this time.
_NUL_SECONDS = 1
_LF = (
    "its message ends with LF, but GELF over TCP ends with NUL: it waits, as one with all that follows; set"
    " the sender to end messages with NUL, or send JSON lines to the lines input"
)
# Seconds of CPU time after which other senders come first.
_COSTLY = 0.02


class GelfReceiver(RecordReceiver):
    """A connection. GELF has no acknowledgements, so an unfinished message at the end is stored too."""

    framer: GelfFramer
    most_at_once = 32 << 10

    def make_framer(self) -> GelfFramer:
        intake = self.intake
        self._nul_timer = Timer(intake.clock)
        return GelfFramer(intake.rules, intake.counts, intake.options.max_record)

    def received(self, data: bytes) -> Iterator[None]:
        yield from self.store((yield from self.framer.receive(data)))
        if self.framer.closing:
            self.refuse("oversize", self.framer.closing)
        self._nul_timer.stop()
        if self.framer.is_ended_by_lf:
            self._nul_timer.start(_NUL_SECONDS, self._tell_of_lf)

    def _tell_of_lf(self) -> None:
        self.intake.complain(self.source, _LF)

    def lost(self) -> None:
        self._nul_timer.stop()
        for _ in self.store(run_to_result(self.framer.finish())):
            pass


class GelfDatagrams(InputDatagrams):
    """Datagrams, each one message or one chunk."""

    # 256 KiB of unusual messages take half a second.
    most_at_once = 64 << 10

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        self._chunks = ChunkJoiner()
        self._expiry_timer = Timer(intake.clock)

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        messages: deque[bytes] = deque()
        for payload in payloads:
            whole: bytes | None = payload
            if payload.startswith(MAGIC):
                whole = self._chunks.add_chunk(source, payload, self.intake.clock.seconds())
            if whole is not None:
                messages.append(whole)
        if messages:
            self.intake.in_turn(partial(self._unpack_and_store, messages, source))
        self._count_given_up()

    def _unpack_and_store(self, packed: deque[bytes], source: str) -> None:
        """Unpack and store messages, as many at a time as the store has room for."""
        intake = self.intake
        began = intake.cpu()
        messages: list[bytes] = []
        size = 0
        while packed and size < _AT_ONCE:
            try:
                message = unpacked_message(
                    packed.popleft(), _TIMES_A_RECORD * intake.options.max_record
                )
            except TooLargeError:
                # Count the datagram: unpacking took as much time as for a message that is stored.
                size += _AT_ONCE
                why = "dropped a datagram: it is too large unpacked"
                intake.drop(source, "unpacking", why)
            else:
                messages.append(message)
                size += len(message)
        records = Records()
        run_to_result(add_objects_or_text(messages, intake.options.max_record, records))
        store_datagram_records(intake, records, source)
        if packed:
            intake.in_turn(partial(self._unpack_and_store, packed, source))
        if intake.datagrams is not None and intake.cpu() - began > _COSTLY:
            # Otherwise another sender's costly datagram may come in the same turn of the reactor.
            intake.costly_senders.pause_and_queue(intake.datagrams)

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


class Gelf(Input):
    """The `gelf` input."""

    name = "gelf"
    stream_note = "takes messages that end with NUL; one that ends with LF waits for its NUL"
    connection = GelfReceiver
    receiver = GelfDatagrams
