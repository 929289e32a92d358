"""Centres that fetch from a stream of NATS into a list, and targets that send to it."""

import asyncio
from contextlib import suppress

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel

from logsrv.linelog.formats.nats.fetching import FetchedBlock, LocalStoreCalls, StreamFetcher
from logsrv.linelog.formats.nats.link import NatsLink
from logsrv.linelog.formats.nats.stream_source import parse_stream_source
from logsrv.linelog.formats.nats.target import JetStreamTarget
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target import LastBlock, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.packed_block import PackedBlock
from logsrv.linelog.store.segment import Position
from logsrv.reactor import AsyncioThread
from tests.parts.blocks import block_of, stored_lines
from tests.parts.nats_liars import Liar
from tests.parts.nats_servers import NatsServer, url_of
from tests.parts.reactor import REACTOR

ONE, OTHER = 32 * "a", 32 * "b"


def target(server: NatsServer, store: str, more: str = "") -> JetStreamTarget:
    url = parse_ship_url(url_of([server]) + more)
    return JetStreamTarget(TargetSettings(name="a", url=url, store=store), REACTOR)


async def ship(one: JetStreamTarget, blocks: list[PackedBlock]) -> LastBlock | None:
    """Send blocks behind the last one that the stream has; return that."""
    last = await one.fetch_last_block()
    for block in blocks:
        await one.send(block)
    await one.close()
    return last


@attrs.define(eq=False)
class Centre:
    """A store that is a list. fails: what the next blocks meet; sequences: of the last blocks.

    misses: the next block takes long, and its end is missed. name: its identity. holes: before the next
    blocks.
    """

    server: NatsServer | Liar
    more: str = ""
    stored: list[FetchedBlock] = attrs.field(factory=list)
    said: list[tuple[str, bool]] = attrs.field(factory=list)
    fails: list[Exception] = attrs.field(factory=list)
    sequences: dict[str, int] = attrs.field(factory=dict)
    thread: AsyncioThread = attrs.field(factory=lambda: AsyncioThread(REACTOR, "test"))
    running: Deferred[None] | None = None
    misses: bool = False
    login: dict[str, str] = attrs.field(factory=dict)
    name: str = ""
    holes: list[str] = attrs.field(factory=list)

    @property
    def part(self) -> str:
        """Its part, as in the name of its consumer."""
        place = parse_stream_source(f"127.0.0.1/LOGS{self.more}")
        return f"{place.part}-{place.parts}"

    def start(self) -> None:
        place = parse_stream_source(f"127.0.0.1:{self.server.port}/LOGS{self.more}")

        async def run() -> None:
            near = LocalStoreCalls(self.sequence, self.store, self.tell, self.name)
            link = NatsLink(place.servers, self.login, None, place.api)
            await StreamFetcher(place, link, near).fetch_until_cancelled()

        self.running = self.thread.run_coroutine(run)

    async def sequence(self, origin: str) -> int | None:
        return self.sequences.get(origin)

    async def store(self, block: FetchedBlock) -> str:
        if self.misses:
            self.misses = False
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return ""
        if self.fails:
            raise self.fails.pop(0)
        self.stored.append(block)
        self.sequences[block.origin] = block.sequence
        return self.holes.pop(0) if self.holes else ""

    async def tell(self, level: LogLevel, why: str) -> None:
        self.said.append((why, level is not LogLevel.info))

    async def stop(self) -> None:
        await self.thread.stop()
        assert self.running is not None
        with pytest.raises(CancelledError):
            await self.running

    def places(self, origin: str) -> list[str]:
        return [one.headers["Logsrv-To"] for one in self.stored if one.origin == origin]


async def refused(one: JetStreamTarget, why: str | None = None) -> bool:
    """Whether it is settled that a target is not to be had."""
    with pytest.raises(Unavailable, match=why) as caught:
        await one.fetch_last_block()
    await one.close()
    return caught.value.settled


def chain(origin: str, count: int) -> list[PackedBlock]:
    """Blocks of a store, one behind the other."""
    found: list[PackedBlock] = []
    for number in range(count):
        text = stored_lines(origin, 5, first=5 * number)
        after = found[-1].end if found else None
        found.append(block_of(origin, text, after or Position(1, 0), after))
    return found
