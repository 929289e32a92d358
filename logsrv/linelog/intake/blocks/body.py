"""Receive a block over HTTP or NATS: keep it until it is whole, check it, store it; answer when safe."""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias, TypeVar

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.linelog.intake.blocks.overlap import (
    overlaps_last_block,
    read_stored_crc,
    without_stored_part,
)
from logsrv.linelog.intake.blocks.parse import check_and_count_lines, split_frames, unpack_frames
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.over_http.body import Body, Holder, RequestHead
from logsrv.linelog.intake.unfinished import UnfinishedData
from logsrv.linelog.lines.bodies import LARGE, Reply, RequestRefused, busy_refusal, json_line
from logsrv.linelog.store.blocks import BlockNote, PendingBlock
from logsrv.linelog.store.packed_block import (
    LARGEST,
    NAMES,
    UNKNOWN,
    PackedBlock,
    block_from_headers,
    check_block_text,
)
from logsrv.linelog.store.segment import Position

OVERTAKEN = 0.5
"""Seconds for which a block waits for the previous one, which may come over another connection."""
Key: TypeAlias = tuple[str, str]
"""The identity of a store, and a position in it."""


class IncomingBlocks:
    """The blocks that are being received; each waits for the one before it.

    bodies: the blocks, by the positions at which they end. followers: Deferreds of the blocks that wait for
    their predecessor, by the position at which that ends.
    """

    def __init__(self) -> None:
        self.bodies: dict[Key, Body] = {}
        self.followers: dict[Key, list[Deferred[None]]] = {}
        # Blocks that may go on now, one after the other in one loop.
        self._let_in: deque[Deferred[None]] = deque()
        self._letting_in = False

    def wait_for_block(self, key: Key, clock: IReactorTime) -> Deferred[None]:
        """Return a Deferred that fires when the block that ends at `key` lets this one go on.

        It also fires after OVERTAKEN seconds if that block has not begun to arrive by then.
        """
        turn: Deferred[None] = Deferred()
        self.followers.setdefault(key, []).append(turn)
        if key not in self.bodies:
            limit = clock.callLater(OVERTAKEN, self._give_up_waiting, key, turn)
            turn.addCallback(lambda _: limit.cancel() if limit.active() else None)
        return turn

    def release_followers(self, key: Key, body: Body) -> None:
        """Let the followers of a block go on: it is being stored, or never will be.

        In one loop: each may release the next, and hundreds would nest too deep.
        """
        if self.bodies.get(key) is not body:
            return
        del self.bodies[key]
        self._let_in.extend(self.followers.pop(key, ()))
        if self._letting_in:
            return
        self._letting_in = True
        try:
            while self._let_in:
                self._let_in.popleft().callback(None)
        finally:
            self._letting_in = False

    def _give_up_waiting(self, key: Key, turn: Deferred[None]) -> None:
        if key in self.bodies:
            # It has begun to come, and will let this one go on.
            return
        self.followers[key].remove(turn)
        if not self.followers[key]:
            del self.followers[key]
        turn.callback(None)


log = Logger()
CODING = "zstd"
T = TypeVar("T")


class BlockDecision(enum.Enum):
    """The decision about a block, by the position where its origin ends here.

    Logsrv-To is not after the position            forget: it is stored already
    Logsrv-After is the position                   take
    first block of an origin, no Logsrv-After      take
    any other, or an undeclared gap in a segment   refuse: the sender must ask for the position
    """

    TAKE = enum.auto()
    FORGET = enum.auto()
    REFUSE = enum.auto()


def decide_about(block: PackedBlock, position: Position | None) -> BlockDecision:
    """Decide about a block. position: where its origin ends here; None if the origin has no block here."""
    if position is not None and block.end <= position:
        return BlockDecision.FORGET
    if block.after != position:
        return BlockDecision.REFUSE
    hole = (
        position is not None and position.segment == block.start.segment and position != block.start
    )
    return BlockDecision.REFUSE if hole and not block.gap else BlockDecision.TAKE


def last_block_headers(note: BlockNote | None) -> dict[str, str]:
    """Return the headers about the last block of an origin; none without one."""
    if note is None:
        return {}
    return {
        "Logsrv-To": str(note.end),
        "Logsrv-From": str(note.start),
        "Logsrv-CRC": f"{note.crc:08x}",
    }


def misplaced_block_refusal(note: BlockNote | None) -> RequestRefused:
    """Return the refusal (409) of a block that does not follow the last one of its origin, `note`."""
    where = f"is at {note.end}" if note else "has not begun"
    why = f"the origin {where} here; ask, and go on from that place"
    return RequestRefused(409, why, last_block_headers(note))


def require_known_position(origin: str, intake: Intake) -> None:
    """Raise RequestRefused (503) if the position of an origin is unknown: a block could be stored twice."""
    if why := intake.store.origins.why_unknown(origin):
        raise busy_refusal(why)


@attrs.define(eq=False)
class BlockBody(Body):
    """The body of one block.

    bodies: counts the bytes in memory. headers: of the request or of the stream's message. sequence: number
    of the message in the NATS stream. coming: the listener's blocks that are being received. cuts: store
    only the new part of a block that overlaps the last one, because its sender cannot be asked to begin
    elsewhere. holder: the request; None for a message.
    """

    waits_to_store = True

    _intake: Intake
    _source: str
    _bodies: UnfinishedData
    _headers: Mapping[str, str]
    _sequence: int | None = None
    _coming: IncomingBlocks = attrs.field(factory=IncomingBlocks)
    _cuts: bool = False
    _holder: Holder | None = None
    _parts: list[bytes] = attrs.field(init=False, factory=list)
    _size: int = attrs.field(init=False, default=0)
    _room: int = attrs.field(init=False, default=0)
    # The last block of the store here, and the CRC-32 of the part of it that this block has too.
    _read: tuple[BlockNote, int | None] | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._coming.bodies.setdefault(self._block_key("Logsrv-To"), self)

    def _block_key(self, name: str) -> Key:
        return self._headers.get("Logsrv-Store", ""), self._headers.get(name, "")

    def receive(self, data: bytes) -> None:
        self._size += len(data)
        self._bodies.held += len(data)
        self._parts.append(data)
        if self._size > LARGEST:
            raise block_too_large()
        self._bodies.check_room()

    def let_go(self) -> None:
        self._bodies.held -= self._size
        self._size, self._parts = 0, []
        self._release_followers()

    async def _wait_for_position(self) -> None:
        """Wait for the previous block, if it seems to be on its way, and for room in memory."""
        intake, origins = self._intake, self._intake.store.origins
        try:
            # A valid block ends after its beginning, so none waits for itself.
            block = block_from_headers(self._headers, b"")
        except ValueError:
            return
        note = origins.last_block(block.store)
        if note and self._cuts and overlaps_last_block(block, note):
            read = partial(read_stored_crc, intake.store.present_directory, block, note)
            self._read = note, await _call_in_thread(intake.clock, read)
        else:
            key, position = self._block_key("Logsrv-After"), origins.end_of_last_block(block.store)
            is_ahead = block.after is not None and (position is None or block.after > position)
            # Do not wait if the block before is stored already: another connection with it may hang.
            if block.after != position and (is_ahead or key in self._coming.bodies):
                await self._coming.wait_for_block(key, intake.clock)
        # Few blocks are unpacked at once.
        self._room = block.text_size
        await (origins.under_way.reserve(self._room) or succeed(None))

    def _release_followers(self) -> None:
        self._coming.release_followers(self._block_key("Logsrv-To"), self)

    async def finish(self) -> Reply:
        await self._wait_for_position()
        try:
            stored = await self._check_and_deposit()
        finally:
            self._intake.store.origins.under_way.release(self._room)
        if self._holder is not None:
            self._holder.storing()
        return await stored

    async def _check_and_deposit(self) -> Deferred[Reply]:
        """Check the block, and begin to store it; return a Deferred of the answer.

        Raises RequestRefused.
        """
        try:
            block = block_from_headers(self._headers, b"".join(self._parts))
            self._parts = []
            reply = self._reply_if_stored(block)
            if reply is not None:
                return reply
            if block.text_size > LARGE:
                # The largest takes some 50 ms.
                await self._intake.turns.next_turn()
            text = b"".join(unpack_frames(split_frames(block.packed, block.text_size)))
            check_block_text(block, text)
            lines = sum(check_and_count_lines(text, raw=self._intake.rules.raw))
            note = self._intake.store.origins.last_block(block.store)
            if note and self._cuts and overlaps_last_block(block, note):
                if self._read is None or self._read[0] != note:
                    raise _changed_position_refusal()
                block, text = without_stored_part(block, text, note, self._read[1])
                lines = text.count(b"\n")
        except ValueError as error:
            raise RequestRefused(422, str(error)) from None
        # Meanwhile another connection may have brought the same block.
        reply = self._reply_if_stored(block)
        if reply is not None:
            return reply
        return self._deposit(block, text, lines)

    def _reply_if_stored(self, block: PackedBlock) -> Deferred[Reply] | None:
        """Return the answer if the block is here already; None if it is new. Raises RequestRefused.

        The decision may depend on a block that is being stored: then the answer comes later, or fails.
        """
        intake, origins = self._intake, self._intake.store.origins
        require_known_position(block.store, intake)
        decided = decide_about(block, origins.end_of_last_block(block.store))
        if decided is not BlockDecision.TAKE and origins.under_way.last_end(block.store):
            waiting = origins.under_way.wait_for_last(block.store)
            return waiting.addCallback(lambda _: self._decide_by_stored(block))
        note = origins.last_block(block.store)
        if decided is BlockDecision.REFUSE and not (
            self._cuts and overlaps_last_block(block, note)
        ):
            raise misplaced_block_refusal(note)
        if decided is BlockDecision.FORGET:
            return succeed(self._forget(note.end if note else block.end))
        return None

    def _decide_by_stored(self, block: PackedBlock) -> Reply:
        """Return the answer if a block that was not taken is stored now. Raises RequestRefused."""
        note = self._intake.store.origins.last_block(block.store)
        decided = decide_about(block, note.end if note else None)
        if note and decided is BlockDecision.FORGET:
            return self._forget(note.end)
        if decided is BlockDecision.REFUSE and not self._cuts:
            raise misplaced_block_refusal(note)
        # The block that was being stored is not, or a part of this one is new.
        raise _changed_position_refusal()

    def _forget(self, position: Position) -> Reply:
        self._intake.metrics.count("blocks_forgotten_total", listener=self._intake.label)
        return _position_reply(position)

    def _deposit(self, block: PackedBlock, text: bytes, lines: int) -> Deferred[Reply]:
        intake = self._intake
        if intake.store.origins.end_of_last_block(block.store) is None:
            log.info(
                "{source} brings the first block of the store {store}, from {start} on",
                source=self._source,
                store=block.store,
                start=str(block.start),
            )
        if block.gap:
            intake.metrics.count("blocks_after_gap_total", listener=intake.label)
            missing = "an unknown number of" if block.gap == UNKNOWN else block.gap
            log.warn(
                "the store {store} has lost {missing} bytes from {after} to {start}, so they are missing"
                " here too",
                store=block.store,
                missing=missing,
                after=str(block.after or "its beginning"),
                start=str(block.start),
            )
        pending = PendingBlock(
            block.store, block.start, block.end, block.crc, text, lines, self._sequence
        )
        stored = intake.deposit(pending).addCallback(self._count_stored, block.end)
        self._release_followers()
        return stored

    def _count_stored(self, _: None, position: Position) -> Reply:
        self._intake.metrics.count("blocks_received_total", listener=self._intake.label)
        return _position_reply(position)


def _call_in_thread(reactor: Any, call: Callable[[], T]) -> Deferred[T]:
    """Call a function in a new daemon thread, which does not block the exit if a dead disk hangs."""
    done: Deferred[T] = Deferred()

    def run() -> None:
        result: Any
        try:
            result = call()
        except Exception:
            result = Failure()
        reactor.callFromThread(done.callback, result)

    threading.Thread(target=run, name="overlap", daemon=True).start()
    return done


def _position_reply(position: Position) -> Reply:
    return Reply(200, json_line(place=str(position)), headers={"Logsrv-To": str(position)})


def _changed_position_refusal() -> RequestRefused:
    return busy_refusal("the place of this store has changed meanwhile; send it again")


def block_too_large() -> RequestRefused:
    """Return the refusal (413) of a body larger than any block."""
    return RequestRefused(413, f"a block has at most {LARGEST} bytes, packed")


def block_body(head: RequestHead, coming: IncomingBlocks) -> BlockBody:
    """Return the body for a block, by the headers of its request. Raises RequestRefused."""
    if (head.length or 0) > LARGEST:
        raise block_too_large()
    if (head.header("Content-Encoding") or "").strip().lower() != CODING:
        raise RequestRefused(415, "the Content-Encoding of a block is zstd")
    found = {name: value for name in NAMES if (value := head.header(name)) is not None}
    return BlockBody(
        head.intake,
        head.source,
        head.intake.unfinished,
        found,
        coming=coming,
        holder=head.holder,
    )
