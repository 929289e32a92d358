"""Bodies of requests to the HTTP input, and how each kind of body becomes records.

    text, not packed      stored as lines while it arrives
    of `Route.own`        as the format says; a journal, not packed: each entry is stored once it is whole
    anything else         kept in memory up to --max-body, then unpacked, parsed and stored

A worker parses a kept body that is large. No record of a refused body is stored, except lines of text that
proves too long, or too slow, while it arrives.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO

import attrs

from logsrv.linelog.batch import Block
from logsrv.linelog.formats.http import content_encoding
from logsrv.linelog.formats.http.body import (
    Body,
    RequestHead,
    check_body_size,
    refuse_if_closing,
)
from logsrv.linelog.formats.http.long_answer import PIECE
from logsrv.linelog.formats.http.parse import parse_body, parse_on_route
from logsrv.linelog.formats.http.routes import Route
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.parsing import ParseOrder, place_of
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Reply,
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

    async def finish(self) -> Reply:
        stored = self._store_block(self._framer.finish())
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

    routes: the function that returns the listener's routes, `package.module:function`. coding: the body's
    Content-Encoding, "" for none. is_text: whether it is lines, by its type. as_text: makes the TextBody
    that stores it if it is, or proves to be, lines. storing: called when the body is parsed, before the
    first record is stored.
    """

    _head: RequestHead
    _route: Route
    _routes: str
    _coding: str
    _is_text: bool
    _as_text: Callable[[], TextBody]
    _storing: Callable[[], None]
    _kept: BytesIO = attrs.field(init=False, factory=BytesIO)
    _size: int = attrs.field(init=False, default=0)

    @property
    def unfinished(self) -> bool:
        return self._size > 0

    @property
    def _body_rules(self) -> BodyRules:
        head = self._head
        return attrs.evolve(
            head.intake.body_rules,
            media=head.media,
            path=head.path,
            query=head.query,
            coding=self._coding,
            routes=self._routes,
        )

    def receive(self, data: bytes) -> None:
        check_body_size(self._size + len(data), self._head.intake)
        self._kept.write(data)
        self._size += len(data)
        self._head.intake.unfinished.held += len(data)
        self._head.intake.unfinished.check_room()

    def let_go(self) -> None:
        self._set_held_bytes(0)
        self._kept = BytesIO()

    def _set_held_bytes(self, size: int) -> None:
        """Set the number of bytes that count as held for this body."""
        self._head.intake.unfinished.held += size - self._size
        self._size = size

    async def finish(self) -> Reply:
        # `getvalue` does not copy the body if its BytesIO is dropped.
        body, self._kept = self._kept.getvalue(), BytesIO()
        if self._is_text:
            return await self._store_as_text(body)
        intake = self._head.intake
        # From now on the body counts as that of a worker, if one parses it.
        self._set_held_bytes(0)
        here = partial(parse_on_route, self._route)
        message = ParseOrder(here, body, self._body_rules, intake.rules, place_of(parse_body))
        parsed = await intake.parse(message)
        if parsed.reply is None:
            return await self._store_as_text(body)
        gathered, reply = parsed.gathered, parsed.reply
        if len(reply.body) > PIECE:
            intake.unfinished.check_room(len(reply.body))
        self._storing()
        intake.take_gathered(gathered, self._head.source)
        refuse_if_closing(gathered)
        # The answer counts as held until the sender has taken it.
        self._set_held_bytes(len(reply.body))
        return reply

    async def _store_as_text(self, body: bytes) -> Reply:
        coding, most = self._coding, self._head.intake.options.max_body
        packed = list(in_pieces(body))
        if coding:
            await self._check_stored_size(content_encoding.unpacked_pieces(packed, coding, most))
        text, turns = self._as_text(), self._head.intake.turns
        for number, piece in enumerate(content_encoding.unpacked_pieces(packed, coding, most)):
            if number:
                # Like pieces that come over the network, each waits for its turn.
                await turns.next_turn()
            text.receive(bytes(piece))
        return await text.finish()

    async def _check_stored_size(self, pieces: Iterable[Buffer]) -> None:
        """Raise RequestRefused (413), before any line is stored, for packed text that becomes too large.

        An empty line takes one byte or less as it was sent, and fifty in the store.
        """
        framer = LineFramer(for_frames(self._head.intake.rules), LineCounts())
        most, made = record_bytes_limit(self._head.intake.options.max_body), 0
        lines, last = 0, b""
        for number, piece in enumerate(pieces):
            if number:
                await self._head.intake.turns.next_turn()
            lines, last = lines + bytes(piece).count(b"\n"), bytes(piece[-1:])
            block = framer.receive(bytes(piece)) if made <= most else None
            if block is not None:
                made += self._head.intake.stored_size(block, self._head.source)
        if made > most:
            what = "lines, with the time and the source of each,"
            raise records_too_large(most, what, lines + (last != b"\n"))
