"""Fetch blocks from a NATS stream with asyncio: those of each store in order, of many stores at once.

Each store has a consumer of its own, without acknowledgements. The place that a store has reached is kept
here, with its lines; if a consumer is lost, a new one begins at the place.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import attrs
import nats.errors
from twisted.logger import LogLevel

from logsrv.errors import LogsrvError
from logsrv.linelog.formats.nats.client import Inbox, MessageMemory, NatsTrouble
from logsrv.linelog.formats.nats.emptying import StreamEmptier
from logsrv.linelog.formats.nats.link import (
    NatsLink,
    PublishDenied,
    not_jetstream_error,
    required_number,
    required_object,
)
from logsrv.linelog.formats.nats.missing import add_missing
from logsrv.linelog.formats.nats.parse import STATUS, Delivery, known_nats_headers
from logsrv.linelog.formats.nats.stream_source import StreamSource
from logsrv.linelog.formats.nats.streams import NO_STREAM, SUBJECT
from logsrv.linelog.store.segment import STORE_ID
from logsrv.reactor import cancel_until_ended

LOOK = 2.0
"""Seconds between two searches for new stores."""
EXPIRES = 10
"""Seconds after which the server ends a request for the next block."""
LATE = 5.0
"""Seconds after EXPIRES without any answer, after which a consumer counts as lost."""
INACTIVE = 120
"""Seconds for which servers keep the consumer of a killed process."""
SHORTEST, LONGEST = 0.2, 15.0
"""Shortest and longest pause between two tries, in seconds."""
QUIET = 65.0
"""Seconds before the log repeats that nothing can be fetched."""
REFUSED = 60.0
"""Seconds until a store with a refused block is tried again."""
MOST = 32
"""The most stores with a backlog that are fetched at once; each has two blocks in memory."""
ROOM = 96 << 20
"""The most bytes of fetched blocks that are not stored: one and a half times those of MOST stores. Further
blocks are dropped and requested again."""
STORES = 10_000
"""The most stores that one listener fetches: each takes 8 KB of memory, and a request every EXPIRES."""
_PAGES = 16
_MAKING = 64
NS = 1_000_000_000
_CONSUMER = re.compile(r"[A-Za-z0-9]{1,64}")
_NUMBER = re.compile(rb"[0-9]{1,18}")


@attrs.frozen
class FetchedBlock:
    """A fetched block.

    origin: its store. sequence: its number in the stream. packed: its Zstandard frames. pending: number of
    later blocks of its store in the stream. room: bytes counted for it until it is stored.
    """

    origin: str
    sequence: int
    headers: Mapping[str, str]
    packed: bytes = attrs.field(repr=False)
    pending: int = 0
    room: int = 0


class HoleError(LogsrvError):
    """The block does not follow the last block of its store that is stored here."""


class UnstorableBlockError(LogsrvError):
    """The block is invalid, or could not be stored."""


@attrs.frozen
class LocalStoreCalls:
    """The calls from the asyncio loop into our store.

    sequence: returns the number in the stream of a store's last block here, or None.
    store: stores a block; returns the positions between which it passed over missing lines, or "";
    raises HoleError or UnstorableBlockError. tell: logs a sentence. centre: the identity of our store.
    """

    sequence: Callable[[str], Awaitable[int | None]]
    store: Callable[[FetchedBlock], Awaitable[str]]
    tell: Callable[[LogLevel, str], Awaitable[None]]
    centre: str = ""


@attrs.define(eq=False)
class _BlockRequest:
    """The request for the next block of a store.

    subject: where its consumer is asked. inbox: where the block arrives. last: number of the block before.
    """

    origin: str
    subject: str
    inbox: Inbox
    last: int


@attrs.define(eq=False)
class StreamFetcher:
    """A fetcher of one part of a stream; it runs until it is cancelled."""

    _stream_source: StreamSource
    _link: NatsLink
    _near: LocalStoreCalls
    _slots: asyncio.Semaphore = attrs.field(init=False, factory=lambda: asyncio.Semaphore(MOST))
    # Limits how many consumers are created at once.
    _making: asyncio.Semaphore = attrs.field(init=False, factory=lambda: asyncio.Semaphore(_MAKING))
    _emptier: StreamEmptier = attrs.Factory(
        lambda self: StreamEmptier(
            self._stream_source, self._link, self._near.centre, self._near.tell
        ),
        takes_self=True,
    )
    _room: MessageMemory = attrs.field(init=False, factory=lambda: MessageMemory(ROOM))
    _well: bool | None = attrs.field(init=False, default=None)
    # Number of the stream's last message at the last search for stores.
    _last: int = attrs.field(init=False, default=0)
    # By store of this connection, why it could not be fetched, until a block of it is stored.
    _refusals: dict[str, str] = attrs.field(init=False, factory=dict)

    async def fetch_until_cancelled(self) -> None:
        """Fetch until cancelled; connect again after each failure."""
        pause, said = SHORTEST, -QUIET
        now = asyncio.get_running_loop().time
        try:
            while True:
                began = now()
                try:
                    await self._link.connect_if_needed()
                    await self._fetch_all_stores()
                except NatsTrouble as error:
                    pause = SHORTEST if now() - began > LONGEST else min(pause * 2, LONGEST)
                    if self._well is not False and now() - said > QUIET:
                        self._well, said = False, now()
                        why = f"nothing can be fetched: {error}; it is tried again"
                        await self._near.tell(LogLevel.warn, why)
                await asyncio.sleep(pause)
        finally:
            await self._link.close()

    async def _fetch_all_stores(self) -> None:
        """Fetch the blocks of all stores until the connection ends. Raises NatsTrouble."""
        tasks: dict[str, asyncio.Task[None]] = {}
        self._refusals.clear()
        try:
            while not self._link.ended_event.is_set():
                for task in tasks.values():
                    if task.done():
                        task.result()
                origins = await self._list_origins()
                if len(tasks) + len(origins) > STORES:
                    await cancel_until_ended(
                        [tasks.pop(gone) for gone in tasks.keys() - set(origins)]
                    )
                for origin in origins:
                    if origin not in tasks and len(tasks) < STORES:
                        tasks[origin] = asyncio.create_task(self._keep_fetching_store(origin))
                await self._emptier.empty_if_needed()
                if not self._well:
                    self._well = True
                    source = self._stream_source
                    part = f"part {source.part} of {source.parts}"
                    why = f"blocks of the stream {source.stream} are fetched, {part}"
                    await self._near.tell(LogLevel.info, why)
                try:
                    await asyncio.wait_for(self._link.ended_event.wait(), LOOK)
                except TimeoutError:
                    continue
            raise self._link.ended_error()
        finally:
            await cancel_until_ended(tasks.values())

    async def _list_origins(self) -> list[str]:
        """Return the identities of the stores of this part that have blocks in the stream."""
        found: list[str] = []
        seen = total = 0
        for _ in range(_PAGES):
            order = {"subjects_filter": f"{SUBJECT}.*", "offset": seen}
            try:
                answer = await self._link.ask_jetstream(
                    f"STREAM.INFO.{self._stream_source.stream}", order
                )
            except NatsTrouble as error:
                if error.code == NO_STREAM:
                    raise NatsTrouble(
                        f"there is no stream {self._stream_source.stream} yet"
                    ) from None
                raise
            await self._emptier.look_at(answer)
            state = required_object(answer, "state")
            self._last = required_number(state, "last_seq")
            subjects = required_object(state, "subjects") if "subjects" in state else {}
            seen += len(subjects)
            total = required_number(answer, "total") if "total" in answer else seen
            origins = (one.removeprefix(f"{SUBJECT}.") for one in subjects)
            found += [
                one
                for one in origins
                if STORE_ID.fullmatch(one) and self._stream_source.includes_store(one)
            ]
            if not subjects or seen >= total or len(found) > STORES:
                break
        if len(found) > STORES or (subjects and seen < total):
            why = (
                f"the stream has more than {STORES} stores for this listener; the others are not fetched:"
                " let several centres fetch a part each, with part=1/2"
            )
            await self._near.tell(LogLevel.error, why)
        return found[:STORES]

    async def _keep_fetching_store(self, origin: str) -> None:
        """Fetch the blocks of a store; after each failure, begin again at its place."""
        from_begin = looked = False
        pause = SHORTEST
        now = asyncio.get_running_loop().time
        while not self._link.ended_event.is_set():
            began = now()
            try:
                await self._fetch_store(origin, from_begin=from_begin)
            except NatsTrouble as error:
                # A consumer is lost with its server, which is normal; log only what the server refuses.
                if (error.code or error.settled) and str(error) != self._refusals.get(origin):
                    self._refusals[origin] = str(error)
                    why = f"the store {origin} cannot be fetched: {error}"
                    await self._near.tell(LogLevel.warn, why)
                from_begin = False
                pause = SHORTEST if now() - began > LONGEST else min(pause * 2, LONGEST)
            except HoleError as error:
                # The number may be from an earlier stream of this name: read the whole stream, once.
                from_begin, looked = not looked, True
                if not from_begin:
                    await self._near.tell(LogLevel.error, str(error))
                    pause = REFUSED
            except UnstorableBlockError as error:
                await self._near.tell(LogLevel.error, str(error))
                from_begin, pause = False, REFUSED
            await asyncio.sleep(pause)

    async def _fetch_store(self, origin: str, *, from_begin: bool) -> None:
        """Fetch a store until a failure. Raises NatsTrouble, HoleError or UnstorableBlockError."""
        # Few consumers at once: thousands of stores may be new, and each request costs time of the reactor.
        async with self._making:
            last = None if from_begin else await self._near.sequence(origin)
            if last is not None and last > self._last:
                # The stream was created anew: read all of it; blocks that are here already are skipped.
                last = None
            last = self._emptier.begin_after(last)
            consumer, pending = await self._create_consumer(origin, last)
        inbox = await self._link.connected_client.open_inbox(self._room)
        subject = self._link.api_subject(
            f"CONSUMER.MSG.NEXT.{self._stream_source.stream}.{consumer}"
        )
        asking = _BlockRequest(origin, subject, inbox, last or 0)
        try:
            while True:
                if pending:
                    async with self._slots:
                        await self._store_backlog(asking)
                block = await self._next_block(asking)
                await self._store_block(asking, block)
                pending = block.pending
        except (nats.errors.Error, OSError) as error:
            raise NatsTrouble(str(error)) from None
        finally:
            await self._delete_consumer(consumer, inbox)

    async def _store_block(self, asking: _BlockRequest, block: FetchedBlock) -> None:
        """Store a block, and free its room when that is done, even if this task is cancelled."""
        asking.inbox.leave_to_caller(block.room)

        def stored(done: asyncio.Future[str]) -> None:
            self._room.free(block.room)
            if not done.cancelled():
                done.exception()

        storing = asyncio.ensure_future(self._near.store(block))
        storing.add_done_callback(stored)
        hole = await asyncio.shield(storing)
        self._refusals.pop(asking.origin, None)
        self._emptier.record_stored(asking.origin, block.sequence)
        if hole:
            await self._note_hole(asking.origin, hole)

    async def _note_hole(self, origin: str, hole: str) -> None:
        """Note at the stream, for the edge, which lines of its store are missing here."""
        lines = f"{hole} at centre {self._near.centre[:8]}"
        try:
            await add_missing(self._link, self._stream_source.stream, origin, lines)
        except NatsTrouble as error:
            why = f"the edge {origin} is not told that its lines from {hole} are missing: {error}"
            await self._near.tell(LogLevel.warn, why)

    async def _store_backlog(self, asking: _BlockRequest) -> None:
        """Store the backlog; the next block is fetched while one is stored."""
        following = asyncio.create_task(self._next_block(asking))
        try:
            while (block := await following).pending:
                following = asyncio.create_task(self._next_block(asking))
                await self._store_block(asking, block)
            await self._store_block(asking, block)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _create_consumer(self, origin: str, last: int | None) -> tuple[str, int]:
        """Create a consumer of a store's blocks after message `last`; of all blocks if it is None.

        Returns its name, and the number of its blocks. Raises NatsTrouble.
        """
        begin: dict[str, Any] = {"deliver_policy": "all"}
        if last is not None:
            begin = {"deliver_policy": "by_start_sequence", "opt_start_seq": last + 1}
        stream = self._stream_source.stream
        config = {
            **begin,
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subject": f"{SUBJECT}.{origin}",
            "inactive_threshold": INACTIVE * NS,
            "num_replicas": 1,
            "mem_storage": True,
        }
        answer = await self._link.ask_jetstream(
            f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config}
        )
        name = answer.get("name")
        if not isinstance(name, str) or not _CONSUMER.fullmatch(name):
            raise not_jetstream_error()
        return name, required_number(answer, "num_pending") if "num_pending" in answer else 0

    async def _next_block(self, asking: _BlockRequest) -> FetchedBlock:
        """Wait for the next block. Raises NatsTrouble if the consumer seems to be lost."""
        order = json.dumps({"batch": 1, "expires": EXPIRES * NS}).encode()
        client, inbox = self._link.connected_client, asking.inbox
        denied = client.publish_denial(asking.subject)
        now = asyncio.get_running_loop().time
        while True:
            asked, came = now(), inbox.next_answer()
            await client.publish(asking.subject, order, reply=inbox.subject)
            waiting: set[asyncio.Future[Any]] = {came, denied}
            await asyncio.wait(waiting, timeout=EXPIRES + LATE, return_when=asyncio.FIRST_COMPLETED)
            if denied.done():
                raise PublishDenied(asking.subject)
            if not came.done():
                raise NatsTrouble("no answer")
            message = came.result()
            if message is None:
                raise NatsTrouble("a block was dropped, because too many wait to be stored")
            if message.reply.startswith(b"$JS.ACK."):
                return _fetched_block(asking, message)
            inbox.free_room()
            waited = now() - asked >= EXPIRES / 2
            if not waited or known_nats_headers(message.headers).get(STATUS) not in ("404", "408"):
                raise NatsTrouble("the consumer is gone")

    async def _delete_consumer(self, consumer: str, inbox: Inbox) -> None:
        """Delete a consumer and close its inbox; otherwise servers delete it after INACTIVE seconds."""
        inbox.free_room()
        if self._link.ended_event.is_set():
            return
        subject = self._link.api_subject(f"CONSUMER.DELETE.{self._stream_source.stream}.{consumer}")
        with suppress(NatsTrouble, nats.errors.Error, OSError):
            await self._link.connected_client.close_inbox(inbox)
            await self._link.connected_client.publish(subject)


def _fetched_block(asking: _BlockRequest, message: Delivery) -> FetchedBlock:
    """Return the block in a message. Raises NatsTrouble unless its number is above the last one."""
    parts = message.reply.split(b".")
    # The reply subject is $JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.….….PENDING; newer servers put domain
    # and account after ACK. at: where SEQUENCE is, behind: PENDING.
    at, behind = (5, 8) if len(parts) == 9 else (7, 10)
    if len(parts) <= behind or not all(_NUMBER.fullmatch(parts[one]) for one in (at, behind)):
        raise NatsTrouble("a message has no number in its stream")
    sequence = int(parts[at])
    if sequence <= asking.last:
        raise NatsTrouble(f"message {sequence} came after message {asking.last}")
    asking.last = sequence
    headers = known_nats_headers(message.headers)
    return FetchedBlock(
        asking.origin, sequence, headers, message.data, int(parts[behind]), message.size
    )
