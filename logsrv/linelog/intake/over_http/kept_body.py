"""Bodies of requests to the HTTP input, and how each kind of body becomes records.

    text, not packed      stored as lines once it is whole; if it is long or has no length, as it arrives
    of `Route.own`        as the format says; a journal, not packed: each entry is stored once it is whole
    anything else         kept in memory up to --max-body, then unpacked, parsed and stored (`parse.py`)

A worker parses a kept body that is large. No record of a refused body is stored, except lines of a long
text that proves too long, or too slow, while it arrives: if its sender repeats it, they are stored twice.
So a text of up to MOST_KEPT_TEXT bytes is kept, too; most senders send no longer ones.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from io import BytesIO

import attrs

from logsrv.linelog.batch import Block
from logsrv.linelog.intake.over_http.body import (
    Body,
    RequestHead,
    check_body_size,
    refuse_if_closing,
)
from logsrv.linelog.intake.over_http.long_answer import PIECE
from logsrv.linelog.intake.over_http.parse import parse_body
from logsrv.linelog.intake.over_http.routes import Route
from logsrv.linelog.intake.parsing import ParseOrder
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Reply,
    RequestRefused,
    accepted_reply,
    nothing_found,
)
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.rules import for_frames

MOST_KEPT_TEXT = 1 << 20
"""A text of at most this many bytes is kept until it is whole."""
LEAST_PIECE = 4096
"""Bytes of a kept piece to which the next one is added: single bytes fill no memory with pieces."""


class TextBody(Body):
    """Lines, stored while they arrive."""

    at_once = True

    def __init__(self, head: RequestHead) -> None:
        assert head.holder is not None
        self._intake, self._source, self._since = head.intake, head.source, head.since
        self._producer = head.holder
        self._framer = LineFramer(for_frames(head.intake.rules), head.intake.counts)
        self._size = self._lines = 0
        self._in_line = False

    @property
    def unfinished(self) -> bool:
        return self._in_line

    def receive(self, data: bytes) -> None:
        self._store_block(self._framed(data))
        if self._framer.closing:
            raise RequestRefused(413, self._framer.closing)

    def _framed(self, data: bytes) -> Block | None:
        """Return the lines of the next part of the body. Raises RequestRefused for too large a body."""
        self._size += len(data)
        check_body_size(self._size, self._intake)
        self._lines += data.count(b"\n")
        self._in_line = not data.endswith(b"\n")
        return self._framer.receive(data)

    async def finish(self) -> Reply:
        stored = self._store_block(self._framer.finish())
        # A BOM alone is no line.
        last = self._in_line and (stored or self._size > len(BOM_UTF8))
        if not (self._lines or last):
            raise nothing_found("the body has no line")
        await self._intake.durable(self._since)
        return accepted_reply(self._lines + last)

    def _store_block(self, block: Block | None) -> bool:
        if block is not None:
            self._intake.take(block, self._source)
            self._intake.valve.served(self._producer)
        return block is not None


class ShortTextBody(TextBody):
    """Lines of a body of known length that is kept until it is whole: if it is refused, none is stored."""

    at_once = False

    def __init__(self, head: RequestHead) -> None:
        super().__init__(head)
        # Not joined: for lines a copy of them all is a third of the cost.
        self._pieces: list[bytes] = []
        self._unfinished = head.intake.unfinished

    @property
    def unfinished(self) -> bool:
        return bool(self._pieces)

    def receive(self, data: bytes) -> None:
        if self._pieces and len(self._pieces[-1]) < LEAST_PIECE:
            self._pieces[-1] += data
        else:
            self._pieces.append(data)
        self._unfinished.held += len(data)
        self._unfinished.check_room()

    def let_go(self) -> None:
        self._unfinished.held -= sum(map(len, self._pieces))
        self._pieces = []

    async def finish(self) -> Reply:
        pieces = self._pieces
        self.let_go()
        blocks = []
        for piece in pieces:
            blocks.append(self._framed(piece))
            if self._framer.closing:
                raise RequestRefused(413, self._framer.closing)
        for block in blocks:
            self._store_block(block)
        return await super().finish()


@attrs.define(eq=False)
class KeptBody(Body):
    """A body that is kept in memory until it is whole.

    coding: its Content-Encoding, "" for none.
    """

    waits_to_store = True

    _head: RequestHead
    _route: Route
    _coding: str
    _kept: BytesIO = attrs.field(init=False, factory=BytesIO)
    _size: int = attrs.field(init=False, default=0)

    @property
    def unfinished(self) -> bool:
        return self._size > 0

    @property
    def _body_rules(self) -> BodyRules:
        head, route = self._head, self._route
        return attrs.evolve(
            head.intake.body_rules,
            media=head.media,
            path=head.path,
            query=head.query,
            coding=self._coding,
            take=route.take,
            count=route.count,
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
        intake = self._head.intake
        # The body counts as that of a worker from now on, if one parses it.
        self._set_held_bytes(0)
        message = ParseOrder(parse_body, body, self._body_rules, intake.rules)
        parsed = await intake.parse(message)
        gathered, reply = parsed.gathered, parsed.reply
        if len(reply.body) > PIECE:
            intake.unfinished.check_room(len(reply.body))
        if self._head.holder is not None:
            self._head.holder.storing()
        intake.take_gathered(gathered, self._head.source)
        refuse_if_closing(gathered)
        # The answer counts as held until the sender has taken it.
        self._set_held_bytes(len(reply.body))
        await intake.durable(self._head.since)
        return reply
