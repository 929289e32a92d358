"""Bodies of requests to the HTTP input, and how each kind of body becomes records.

    text, not packed      stored as lines while it arrives
    of `Route.own`        as the format says; a journal, not packed: each entry is stored once it is whole
    anything else         kept in memory up to --max-body, then unpacked, parsed and stored

A kept body is unpacked, parsed and stored in slices, so that other senders are served meanwhile. No record
of a refused body is stored, except lines of text that proves too long, or too slow, while it arrives.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from logsrv.kit.children.pool import NoWorkerError
from logsrv.linelog.batch import Block
from logsrv.linelog.formats.http import content_encoding
from logsrv.linelog.formats.http.body import (
    Body,
    RequestHead,
    busy_refusal,
    check_body_size,
    check_room_for_bodies,
    refuse_if_closing,
)
from logsrv.linelog.formats.http.long_answer import PIECE
from logsrv.linelog.formats.http.routes import Route
from logsrv.linelog.formats.http.worker import ParseOrder, read_worker_answer, unpack_and_parse
from logsrv.linelog.intake.gathering import GatheredRecords
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    ReplySteps,
    RequestRefused,
    accepted_reply,
    nothing_found,
    record_bytes_limit,
    records_too_large,
)
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.inflated import Buffer, in_pieces
from logsrv.linelog.lines.rules import LineCounts, for_frames
from logsrv.linelog.store.valve import Producer

LARGE = 256 << 10
"""A worker parses a body of this many bytes or more: some milliseconds of work."""
LARGE_PACKED = 32 << 10
"""The same limit for a packed body, which becomes several times as large."""


class TextBody(Body):
    """Lines, stored while they arrive. producer: the sender, for the valve."""

    at_once = True

    def __init__(self, intake: Intake, source: str, producer: Producer) -> None:
        self._intake = intake
        self._source = source
        self._producer = producer
        self._framer = LineFramer(for_frames(intake.rules), intake.counts)
        self._size = self._lines = 0
        self._in_line = False

    @property
    def unfinished(self) -> bool:
        return self._in_line

    def receive(self, data: bytes) -> None:
        self._size += len(data)
        check_body_size(self._size, self._intake)
        self._lines += data.count(b"\n")
        self._in_line = not data.endswith(b"\n")
        self._store_block(self._framer.receive(data))
        if self._framer.closing:
            raise RequestRefused(413, self._framer.closing)

    def finish(self) -> ReplySteps:
        stored = self._store_block(self._framer.finish())
        yield from ()
        # A BOM alone is no line.
        last = self._in_line and (stored or self._size > len(BOM_UTF8))
        if not (self._lines or last):
            raise nothing_found("the body has no line")
        return accepted_reply(self._lines + last)

    def _store_block(self, block: Block | None) -> bool:
        if block is not None:
            self._intake.take(block, self._source)
            self._intake.valve.served(self._producer)
        return block is not None


@attrs.define(eq=False)
class KeptBody(Body):
    """A body that is kept in memory until it is whole.

    coding: its Content-Encoding, "" for none. is_text: whether it is lines, by its type. as_text: makes the
    TextBody that stores it if it is, or proves to be, lines. storing: called when the body is parsed,
    before the first record is stored.
    """

    _head: RequestHead
    _route: Route
    _coding: str
    _is_text: bool
    _as_text: Callable[[], TextBody]
    _storing: Callable[[], None]
    _kept: BytesIO = attrs.field(init=False, factory=BytesIO)
    _size: int = attrs.field(init=False, default=0)
    # A worker's answer, or the refusal if a worker failed.
    _answer: list[bytes] | None = attrs.field(init=False, default=None)
    _refusal: RequestRefused | None = attrs.field(init=False, default=None)

    @property
    def unfinished(self) -> bool:
        return self._size > 0

    @property
    def _body_rules(self) -> BodyRules:
        head, most = self._head, self._head.intake.options.max_body
        return BodyRules(
            head.media,
            head.path,
            self._head.intake.max_record,
            record_bytes_limit(most),
            most,
            head.query,
        )

    def receive(self, data: bytes) -> None:
        check_body_size(self._size + len(data), self._head.intake)
        self._kept.write(data)
        self._size += len(data)
        self._head.intake.unfinished.held += len(data)
        check_room_for_bodies(self._head.intake.unfinished)

    def let_go(self) -> None:
        self._set_held_bytes(0)
        self._kept, self._answer = BytesIO(), None

    def _set_held_bytes(self, size: int) -> None:
        """Set the number of bytes that count as held for this body."""
        self._head.intake.unfinished.held += size - self._size
        self._size = size

    def ask_worker(self) -> Deferred[None] | None:
        """Let a worker make the records of a large body; the Deferred fires when it is done."""
        intake = self._head.intake
        if not (self._route.by_worker and intake.workers and intake.workers.most):
            return None
        body = self._kept.getvalue()
        if not self._takes_long_to_parse(body):
            return None
        order = ParseOrder(self._coding, self._body_rules, intake.rules, body)
        asked = intake.ask_worker(*order.encoded())
        return asked.addCallbacks(self._keep_worker_answer, self._note_worker_failure)

    def _takes_long_to_parse(self, body: bytes) -> bool:
        """Return whether parsing takes long: 4 KB packed may become 4 MB, which take a second."""
        if self._coding:
            if len(body) >= LARGE_PACKED:
                return True
            body = content_encoding.unpacked_beginning(body, self._coding, LARGE)
        size = self._route.size
        return (len(body) if size is None else size(body, self._head.media)) >= LARGE

    def _keep_worker_answer(self, answer: list[bytes]) -> None:
        # There was room for each body as it was sent, but all may become several times as large at once.
        more = sum(map(len, answer)) - self._size
        try:
            check_room_for_bodies(self._head.intake.unfinished, more)
        except RequestRefused as refusal:
            self._refusal = refusal
        else:
            self._set_held_bytes(self._size + more)
            self._kept, self._answer = BytesIO(), answer

    def _note_worker_failure(self, failure: Failure) -> None:
        # `finish` does the work in this process if no worker can be started.
        if not failure.check(NoWorkerError):
            self._refusal = busy_refusal(f"{failure.getErrorMessage()}; send it again")

    def finish(self) -> ReplySteps:
        # `getvalue` does not copy the body if its BytesIO is dropped.
        body, self._kept = self._kept.getvalue(), BytesIO()
        if self._is_text:
            return (yield from self._store_as_text(body))
        intake, rules = self._head.intake, self._body_rules
        reply: Reply | None
        if self._refusal is not None:
            raise self._refusal
        if self._answer is not None:
            gathered, reply = read_worker_answer(self._answer, intake.counts)
        else:
            gathered = GatheredRecords(
                Records(rules.max_made), intake.rules, intake.counts, self._count_held_lines
            )
            records = unpack_and_parse(self._route, body, self._coding, rules, gathered.records)
            reply = yield from gathered.run_parser(records)
        if reply is None:
            return (yield from self._store_as_text(body))
        if len(reply.body) > PIECE:
            check_room_for_bodies(self._head.intake.unfinished, len(reply.body) - self._size)
        self._storing()
        yield from gathered.store(intake, self._head.source)
        refuse_if_closing(gathered)
        # The answer counts as held until the sender has taken it.
        self._set_held_bytes(len(reply.body))
        return reply

    def _count_held_lines(self, kept: int) -> None:
        """Count the lines made of the body, beyond 16 MiB, as held.

        Raises RequestRefused (503) if all bodies then hold too much.
        """
        more = kept - record_bytes_limit(0) - self._size
        if more > 0:
            check_room_for_bodies(self._head.intake.unfinished, more)
            self._set_held_bytes(self._size + more)

    def _store_as_text(self, body: bytes) -> ReplySteps:
        coding, most = self._coding, self._head.intake.options.max_body
        packed = list(in_pieces(body))
        if coding:
            yield from self._check_stored_size(
                content_encoding.unpacked_pieces(packed, coding, most)
            )
        text = self._as_text()
        for piece in content_encoding.unpacked_pieces(packed, coding, most):
            text.receive(bytes(piece))
            yield
        return (yield from text.finish())

    def _check_stored_size(self, pieces: Iterable[Buffer]) -> Iterator[None]:
        """Raise RequestRefused (413), before any line is stored, for packed text that becomes too large.

        An empty line takes one byte or less as it was sent, and fifty in the store.
        """
        framer = LineFramer(for_frames(self._head.intake.rules), LineCounts())
        most, made = record_bytes_limit(self._head.intake.options.max_body), 0
        lines, last = 0, b""
        for piece in pieces:
            lines, last = lines + bytes(piece).count(b"\n"), bytes(piece[-1:])
            block = framer.receive(bytes(piece)) if made <= most else None
            if block is not None:
                made += self._head.intake.stored_size(block, self._head.source)
            yield
        if made > most:
            what = "lines, with the time and the source of each,"
            raise records_too_large(most, what, lines + (last != b"\n"))
