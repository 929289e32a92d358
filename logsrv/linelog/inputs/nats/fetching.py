"""Fetching blocks out of a stream, with asyncio: each store in its order, many stores at once.

A store is read by a consumer of its own, without acknowledgements: the place is kept here, beside the data,
and a consumer that is gone is made anew from there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import attrs
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from twisted.logger import LogLevel

from logsrv.errors import LogsrvError
from logsrv.linelog.inputs.nats.place import StreamPlace
from logsrv.linelog.ship.out.jetstream.link import NatsLink, NatsTrouble
from logsrv.linelog.ship.out.jetstream.streams import NO_STREAM, ORIGIN, SUBJECT

LOOK = 2.0
"""Seconds between two looks for stores that are new."""
EXPIRES = 10
"""Seconds that a question for the next block is open."""
LATE = 5.0
"""Seconds after which a consumer that has not said that there is nothing is taken to be gone."""
INACTIVE = 120
"""Seconds for which servers keep the consumer of a process that was killed."""
SHORTEST, LONGEST = 0.2, 15.0
"""Seconds: the pauses between two tries."""
AGAIN = 1.0
"""Seconds until what does not end is told so again."""
REFUSED = 60.0
"""Seconds until a store that could not go on is tried again."""
MOST = 32
"""Stores of which much is there that are fetched at once; each has two blocks in memory."""
NS = 1_000_000_000


@attrs.frozen
class Fetched:
    """A block as it came: its store, its number in the stream, its headers and frames.

    pending: blocks of its store that are behind it.
    """

    origin: str
    sequence: int
    headers: Mapping[str, str]
    packed: bytes = attrs.field(repr=False)
    pending: int = 0


class HoleError(LogsrvError):
    """The block does not follow what is here of its store."""


class DamagedError(LogsrvError):
    """The block is none, or its store could not be stored."""


@attrs.frozen
class NearSide:
    """The store, from the loop's side.

    sequence: returns the number of the last block of a store; None for one that is new or had none.
    store: stores a block; raises HoleError or DamagedError. tell: gets a sentence for the log.
    """

    sequence: Callable[[str], Awaitable[int | None]]
    store: Callable[[Fetched], Awaitable[None]]
    tell: Callable[[LogLevel, str], Awaitable[None]]


@attrs.frozen(eq=False)
class _Asking:
    """The way to ask for the next block of a store: the subject of its consumer, and where it comes."""

    origin: str
    subject: str
    inbox: str
    came: Subscription


@attrs.define(eq=False)
class StreamFetcher:
    """The fetching of a part of a stream, until it is cancelled."""

    _place: StreamPlace
    _link: NatsLink
    _near: NearSide
    _slots: asyncio.Semaphore = attrs.field(init=False, factory=lambda: asyncio.Semaphore(MOST))
    _well: bool | None = attrs.field(init=False, default=None)
    # The number of the last message of the stream, as of the last look.
    _last: int = attrs.field(init=False, default=0)

    async def run(self) -> None:
        """Fetch; whatever fails is tried again."""
        pause = SHORTEST
        try:
            while True:
                try:
                    await self._link.open()
                    await self._follow()
                except NatsTrouble as error:
                    if self._well is not False:
                        self._well, pause = False, SHORTEST
                        why = f"nothing can be fetched: {error}; it is tried again"
                        await self._near.tell(LogLevel.warn, why)
                    else:
                        pause = min(pause * 2, LONGEST)
                await asyncio.sleep(pause)
        finally:
            await self._link.close()

    async def _follow(self) -> None:
        """Fetch from all stores of the stream, until the connection ends. Raises NatsTrouble."""
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            while not self._link.ended.is_set():
                for origin in await self._origins():
                    if origin not in tasks and self._place.takes(origin):
                        tasks[origin] = asyncio.create_task(self._keep_on(origin))
                if not self._well:
                    self._well = True
                    place = self._place
                    part = f"part {place.part} of {place.parts}"
                    why = f"blocks of the stream {place.stream} are fetched, {part}"
                    await self._near.tell(LogLevel.info, why)
                try:
                    await asyncio.wait_for(self._link.ended.wait(), LOOK)
                except TimeoutError:
                    continue
        finally:
            await _end(tasks.values())
        raise NatsTrouble("the connection has ended")

    async def _origins(self) -> list[str]:
        """Return the identities of the stores that have blocks in the stream."""
        found: list[str] = []
        while True:
            order = {"subjects_filter": f"{SUBJECT}.*", "offset": len(found)}
            try:
                answer = await self._link.api(f"STREAM.INFO.{self._place.stream}", order)
            except NatsTrouble as error:
                if error.code == NO_STREAM:
                    raise NatsTrouble(f"there is no stream {self._place.stream} yet") from None
                raise
            state = answer.get("state") or {}
            subjects, self._last = state.get("subjects") or {}, int(state.get("last_seq", 0))
            found += [one.removeprefix(f"{SUBJECT}.") for one in subjects]
            total = answer.get("total")
            if not subjects or not isinstance(total, int) or len(found) >= total:
                return [one for one in found if ORIGIN.fullmatch(one)]

    async def _keep_on(self, origin: str) -> None:
        """Fetch the blocks of a store, again from its place whenever something is wrong."""
        from_begin = looked = False
        pause, said = SHORTEST, ""
        now = asyncio.get_running_loop().time
        while not self._link.ended.is_set():
            began = now()
            try:
                await self._fetch(origin, from_begin=from_begin)
            except NatsTrouble as error:
                # A consumer goes with its server; what the server itself says no to is another matter.
                if error.code and str(error) != said:
                    said = str(error)
                    why = f"the store {origin} cannot be fetched: {error}"
                    await self._near.tell(LogLevel.warn, why)
                from_begin = False
                pause = SHORTEST if now() - began > LONGEST else min(pause * 2, LONGEST)
            except HoleError as error:
                # The numbers may be those of another stream that had the name: all is looked at, once.
                from_begin, looked = not looked, True
                if not from_begin:
                    await self._near.tell(LogLevel.error, str(error))
                    pause = REFUSED
            except DamagedError as error:
                await self._near.tell(LogLevel.error, str(error))
                from_begin, pause = False, REFUSED
            await asyncio.sleep(pause)

    async def _fetch(self, origin: str, *, from_begin: bool) -> None:
        """Fetch the blocks of a store until something is wrong. Raises what that is."""
        last = None if from_begin else await self._near.sequence(origin)
        if last is not None and last > self._last:
            # The stream was made anew: what is here is forgotten when it comes again.
            last = None
        consumer, pending = await self._consumer(origin, last)
        inbox = self._link.client.new_inbox()
        came = await self._link.client.subscribe(inbox)
        asking = _Asking(
            origin, f"$JS.API.CONSUMER.MSG.NEXT.{self._place.stream}.{consumer}", inbox, came
        )
        try:
            while True:
                if pending:
                    async with self._slots:
                        await self._catch_up(asking)
                block = await self._next(asking)
                await self._near.store(block)
                pending = block.pending
        except nats.errors.Error as error:
            raise NatsTrouble(str(error)) from None
        finally:
            await self._forget(consumer, came)

    async def _catch_up(self, asking: _Asking) -> None:
        """Store all that is there now; the next block comes while one is stored."""
        following = asyncio.create_task(self._next(asking))
        try:
            while (block := await following).pending:
                following = asyncio.create_task(self._next(asking))
                await self._near.store(block)
            await self._near.store(block)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _consumer(self, origin: str, last: int | None) -> tuple[str, int]:
        """Make a consumer behind a message; return its name, and how many there are. Raises NatsTrouble."""
        begin: dict[str, Any] = {"deliver_policy": "all"}
        if last is not None:
            begin = {"deliver_policy": "by_start_sequence", "opt_start_seq": last + 1}
        stream = self._place.stream
        config = {
            **begin,
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subject": f"{SUBJECT}.{origin}",
            "inactive_threshold": INACTIVE * NS,
            "num_replicas": 1,
            "mem_storage": True,
        }
        answer = await self._link.api(
            f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config}
        )
        name, pending = answer.get("name"), answer.get("num_pending", 0)
        if not isinstance(name, str) or not name.isalnum() or not isinstance(pending, int):
            raise NatsTrouble("the answer is none of JetStream")
        return name, pending

    async def _next(self, asking: _Asking) -> Fetched:
        """Wait for the next block. Raises NatsTrouble when the consumer seems to be gone."""
        order = json.dumps({"batch": 1, "expires": EXPIRES * NS}).encode()
        while True:
            await self._link.client.publish(asking.subject, order, reply=asking.inbox)
            try:
                message = await asking.came.next_msg(timeout=EXPIRES + LATE)
            except nats.errors.TimeoutError:
                raise NatsTrouble("no answer") from None
            headers = message.headers or {}
            if message.reply.startswith("$JS.ACK."):
                sequence, pending = _numbers(message)
                return Fetched(asking.origin, sequence, headers, message.data, pending)
            if headers.get("Status") not in ("404", "408"):
                raise NatsTrouble("the consumer is gone")

    async def _forget(self, consumer: str, came: Subscription) -> None:
        """Let servers forget a consumer; without that they do it some time later."""
        if self._link.ended.is_set():
            return
        try:
            await came.unsubscribe()
            await self._link.client.publish(
                f"$JS.API.CONSUMER.DELETE.{self._place.stream}.{consumer}"
            )
        except (NatsTrouble, nats.errors.Error, OSError):
            return


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait for their end."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        # Again, where nats-py has taken it for the end of something of its own.
        _, left = await asyncio.wait(left, timeout=AGAIN)


def _numbers(message: Msg) -> tuple[int, int]:
    """Return the number of a message in its stream, and how many are behind it. Raises NatsTrouble."""
    parts = message.reply.split(".")
    # $JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.…; two more come first since there are domains.
    at, behind = (5, 8) if len(parts) == 9 else (7, 10)
    try:
        return int(parts[at]), int(parts[behind])
    except (IndexError, ValueError):
        raise NatsTrouble("a message has no number in its stream") from None
