"""Tests for fetching out of a stream: a real server, and a store that is a list."""

import asyncio
import importlib
from contextlib import suppress
from typing import Any

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel

from logsrv.errors import ConfigurationError
from logsrv.kit.net.twisted import asyncio_thread
from logsrv.kit.net.twisted.asyncio_thread import AsyncioThread
from logsrv.linelog.inputs.intake.registry import inputs
from logsrv.linelog.inputs.nats import fetching, nats
from logsrv.linelog.inputs.nats.fetching import (
    FetchedBlock,
    HoleError,
    LocalStoreCalls,
    StreamFetcher,
    UnstorableBlockError,
)
from logsrv.linelog.inputs.nats.place import parse_stream_source
from logsrv.linelog.plugin.logger_settings import parse_listen
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.encode.block import PackedBlock
from logsrv.linelog.ship.out.jetstream import JetStreamTarget
from logsrv.linelog.ship.out.link import NatsLink
from logsrv.linelog.ship.registry import TargetSettings
from logsrv.linelog.ship.target import LastBlock
from logsrv.linelog.store.segments.segment import Position
from tests.parts.blocks import block_of, stored_lines
from tests.parts.listening import REACTOR, in_reactor, until
from tests.parts.nats_liars import Liar
from tests.parts.nats_servers import NatsServer, newer, one_server, url_of

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


def chain(origin: str, count: int) -> list[PackedBlock]:
    """Blocks of a store, one behind the other."""
    found: list[PackedBlock] = []
    for number in range(count):
        text = stored_lines(origin, 5, first=5 * number)
        after = found[-1].end if found else None
        found.append(block_of(origin, text, after or Position(1, 0), after))
    return found


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


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LOOK", 0.1)


@in_reactor
async def test_each_store_comes_in_its_order_also_behind_a_kill(tmp_path):
    with one_server(newer(), tmp_path) as server:
        made = {origin: chain(origin, 12) for origin in (ONE, OTHER)}
        centre = Centre(server)
        centre.start()
        for origin, blocks in made.items():
            await ship(target(server, origin), blocks[:6])
        await until(lambda: len(centre.stored) >= 12, "twelve blocks")
        server.kill()
        await until(lambda: any(trouble for _, trouble in centre.said), "the trouble")
        server.start()
        server.wait()
        for origin, blocks in made.items():
            await ship(target(server, origin), blocks[6:])
        await until(lambda: len(centre.stored) >= 24, "all blocks")
        for origin, blocks in made.items():
            assert centre.places(origin) == [str(one.end) for one in blocks]
            assert [one.packed for one in centre.stored if one.origin == origin] == [
                one.packed for one in blocks
            ]
        await centre.stop()
        said = [why for why, _ in centre.said]
        assert said[0] in (
            "blocks of the stream LOGS are fetched, part 1 of 1",
            "nothing can be fetched: there is no stream LOGS yet; it is tried again",
        )


@in_reactor
async def test_the_stores_of_other_parts_are_left_to_others(tmp_path):
    with one_server(newer(), tmp_path) as server:
        stores = [f"{number:032x}" for number in range(8)]
        for store in stores:
            await ship(target(server, store), chain(store, 1))
        centres = [Centre(server, f":part={part}/2") for part in (1, 2)]
        for centre in centres:
            centre.start()
        await until(lambda: sum(len(one.stored) for one in centres) >= 8, "all blocks")
        for centre in centres:
            await centre.stop()
        found = [sorted(one.origin for one in centre.stored) for centre in centres]
        assert sorted(found[0] + found[1]) == stores
        assert found[0]
        assert found[1]


@in_reactor
async def test_a_hole_is_looked_at_from_the_beginning_once_and_then_said(tmp_path):
    with one_server(newer(), tmp_path) as server:
        blocks = chain(ONE, 3)
        await ship(target(server, ONE), blocks)
        centre = Centre(server)
        centre.sequences[ONE] = 1
        centre.fails = [HoleError("a hole"), HoleError("a hole")]
        centre.start()
        await until(lambda: ("a hole", True) in centre.said, "the hole")
        assert centre.stored == []
        await centre.stop()
        again = Centre(server)
        again.sequences[ONE] = 2
        again.fails = [HoleError("a hole")]
        again.start()
        await until(lambda: len(again.stored) >= 3, "all from the beginning")
        assert again.places(ONE) == [str(block.end) for block in blocks]
        assert all(not trouble for _, trouble in again.said)
        await again.stop()


@in_reactor
async def test_a_store_that_is_refused_holds_up_no_other(tmp_path):
    with one_server(newer(), tmp_path) as server:
        centre = Centre(server)
        centre.fails = [UnstorableBlockError("no block")]
        centre.start()
        await ship(target(server, ONE), chain(ONE, 1))
        await until(lambda: ("no block", True) in centre.said, "the refusal")
        await ship(target(server, OTHER), chain(OTHER, 1))
        await until(lambda: centre.stored, "the other store")
        assert [one.origin for one in centre.stored] == [OTHER]
        await centre.stop()


@in_reactor
async def test_a_stream_that_was_made_anew_is_read_from_its_beginning(tmp_path):
    with one_server(newer(), tmp_path) as server:
        await ship(target(server, ONE), chain(ONE, 1))
        centre = Centre(server)
        centre.sequences[ONE] = 1000
        centre.start()
        await until(lambda: centre.stored, "the block")
        await centre.stop()


@in_reactor
async def test_a_fetching_that_misses_its_end_is_told_again(tmp_path, monkeypatch):
    """nats-py takes a cancellation for one of its own if it comes while something is written."""
    monkeypatch.setattr(asyncio_thread, "AGAIN", 0.1)
    with one_server(newer(), tmp_path) as server:
        await ship(target(server, ONE), chain(ONE, 1))
        centre = Centre(server)
        centre.misses = True
        centre.start()
        await until(lambda: not centre.misses, "the block")
        link = NatsLink([("127.0.0.1", server.port)], {}, None)

        async def remove() -> None:
            await link.connect_if_needed()
            await link.ask_jetstream("STREAM.DELETE.LOGS")
            await link.close()

        await centre.thread.run_coroutine(remove)
        await until(lambda: any("there is no stream" in why for why, _ in centre.said), "that")
        await ship(target(server, ONE), chain(ONE, 1))
        await until(lambda: centre.stored, "the block of the new stream")
        await centre.stop()


def test_a_listener_of_a_stream_listens_nowhere():
    listen = parse_listen("nats:n1,n2:5000/LOGS:part=1/3")
    assert (listen.input, listen.endpoint.kind, listen.endpoint.port) == ("nats", "fetched", None)
    assert str(listen) == "nats:n1,n2:5000/LOGS:part=1/3"
    with pytest.raises(ValueError, match="names no stream"):
        parse_listen("nats:tcp:4222")


def test_a_missing_package_is_said_with_what_to_do(monkeypatch):
    class Some:
        label = "nats:n1/LOGS"
        clock = None

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name}", name="nats")

    monkeypatch.setattr(nats, "import_module", missing)
    some: Any = Some()
    with pytest.raises(ConfigurationError, match=r"needs the package nats; .*'logsrv\[nats\]'"):
        inputs()["nats"].stream(some)
    assert importlib.import_module("nats")
