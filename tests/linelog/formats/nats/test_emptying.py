"""Tests for emptying streams: a real server, and centres whose stores are lists."""

import asyncio
from typing import Any

import pytest
from twisted.internet.task import deferLater

from logsrv.linelog.formats.nats import emptying, fetching
from logsrv.linelog.formats.nats import limits as stream_limits
from logsrv.linelog.formats.nats.client import NatsTrouble
from logsrv.linelog.formats.nats.emptying import StreamEmptier
from logsrv.linelog.formats.nats.limits import MARK
from logsrv.linelog.formats.nats.link import NatsLink
from logsrv.linelog.formats.nats.stream_source import StreamSource
from logsrv.reactor import AsyncioThread
from tests.parts.nats_centres import ONE, OTHER, Centre, chain, ship, target
from tests.parts.nats_servers import NatsServer, debian, newer, one_server
from tests.parts.reactor import REACTOR, until

EITHER = pytest.mark.parametrize("program", [debian, newer])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, and empty streams that are hardly filled."""
    monkeypatch.setattr(fetching, "LOOK", 0.1)
    monkeypatch.setattr(emptying, "FILLED", 0.0)
    monkeypatch.setattr(emptying, "NEARLY", 0.0)


async def ask(server: NatsServer, what: str, order: dict[str, Any] | None = None) -> Any:
    """Ask JetStream; returns None if it refuses."""
    thread = AsyncioThread(REACTOR, "asking")

    async def asked() -> Any:
        link = NatsLink([("127.0.0.1", server.port)], {}, None)
        await link.connect_if_needed()
        try:
            return await link.ask_jetstream(what, order)
        except NatsTrouble:
            return None
        finally:
            await link.close()

    try:
        return await thread.run_coroutine(asked)
    finally:
        await thread.stop()


async def messages(server: NatsServer) -> int:
    return int((await ask(server, "STREAM.INFO.LOGS"))["state"]["messages"])


async def until_messages(server: NatsServer, count: int) -> None:
    for _ in range(200):
        if await messages(server) == count:
            return
        await deferLater(REACTOR, 0.1)
    raise AssertionError(f"{await messages(server)} messages, not {count}")


async def fill(server: NatsServer, count: int = 6, more: str = "") -> None:
    for origin in ONE, OTHER:
        await ship(target(server, origin, more), chain(origin, count))


@EITHER
async def test_all_blocks_but_the_last_of_each_store_go_when_they_are_stored(program, tmp_path):
    with one_server(program(), tmp_path) as server:
        await fill(server)
        centre = Centre(server, name=32 * "c")
        centre.start()
        await until(lambda: len(centre.stored) >= 12, "all blocks")
        await until_messages(server, 2)
        await centre.stop()
        assert [centre.places(one) for one in (ONE, OTHER)] == [
            [str(block.end) for block in chain(one, 6)] for one in (ONE, OTHER)
        ]


@EITHER
async def test_blocks_that_were_stored_before_a_kill_go_after_it(program, tmp_path):
    """The stream is full, so no new block comes that would tell that older ones are stored."""
    with one_server(program(), tmp_path) as server:
        await fill(server)
        centre = Centre(server, name=32 * "c", sequences={ONE: 6, OTHER: 12})
        centre.start()
        await until_messages(server, 2)
        await centre.stop()


async def test_blocks_that_could_not_be_stored_stay(tmp_path):
    with one_server(newer(), tmp_path) as server:
        await fill(server)
        why = fetching.UnstorableBlockError("no block")
        centre = Centre(server, name=32 * "c", fails=[why, why])
        centre.start()
        await until(lambda: len(centre.said) >= 3, "two refusals")
        await deferLater(REACTOR, 0.5)
        assert await messages(server) == 12
        await centre.stop()


@pytest.mark.parametrize(
    ("other", "left"),
    [
        ("", 12),
        (":part=1/1", 12),
        (":part=1/2", 7),
        (":part=2/2", 7),
    ],
)
async def test_blocks_that_another_centre_fetches_stay_also_while_that_is_away(
    tmp_path, other, left
):
    with one_server(newer(), tmp_path) as server:
        await fill(server, 1)
        second = Centre(server, other, name=32 * "d")
        second.start()
        await until(lambda: bool(second.stored), "a block")
        await second.stop()
        await deferLater(REACTOR, 0.1)
        for origin in ONE, OTHER:
            assert await ship(target(server, origin), chain(origin, 6)[1:]) is not None
        centre = Centre(server, name=32 * "c")
        centre.start()
        await until(lambda: len(centre.stored) >= 12, "all blocks")
        await until_messages(server, left)
        await until(lambda: any("stay in the stream" in why for why, _ in centre.said), "the word")
        await ask(server, f"CONSUMER.DELETE.LOGS.logsrv-{32 * 'd'}-{second.part}")
        await until_messages(server, 2)
        await centre.stop()


@pytest.mark.parametrize("more", ["?discard=old", "?discard=old&max-age=1h"])
async def test_a_stream_that_drops_its_oldest_is_left_alone(tmp_path, more):
    with one_server(newer(), tmp_path) as server:
        await fill(server, more=more)
        centre = Centre(server, name=32 * "c")
        centre.start()
        await until(lambda: len(centre.stored) >= 12, "all blocks")
        await deferLater(REACTOR, 0.5)
        assert await messages(server) == 12
        assert (await ask(server, "CONSUMER.NAMES.LOGS"))["total"] == 2
        await centre.stop()


@EITHER
async def test_an_edge_of_a_nearly_full_stream_is_told_whether_a_centre_fetches(
    program, tmp_path, monkeypatch
):
    """The registration of a centre that is gone stays in the stream, and fetches nothing."""
    monkeypatch.setattr(stream_limits, "NEARLY", 1e-9)
    none = "no centre fetches from it at present"
    with one_server(program(), tmp_path) as server:
        await fill(server)
        edge, centre = target(server, ONE), Centre(server, name=32 * "c")
        await edge.fetch_last_block()
        assert none in edge.warning
        centre.start()
        await until_messages(server, 2)
        await edge.fetch_last_block()
        assert edge.warning and none not in edge.warning
        await centre.stop()
        for _ in range(200):
            await edge.fetch_last_block()
            if none in edge.warning:
                break
            await deferLater(REACTOR, 0.1)
        assert none in edge.warning
        assert (await ask(server, "CONSUMER.NAMES.LOGS", {"offset": 0}))["total"] == 1
        await edge.close()


class Link:
    """A link to a server that agrees to everything; removed: what it was asked to remove."""

    def __init__(self, version: str) -> None:
        self.server_info = {"version": version}
        self.removed: list[tuple[str, int]] = []

    async def ask_jetstream(self, what: str, order: dict[str, Any]) -> dict[str, Any]:
        if what.startswith("STREAM."):
            self.removed.append((order.get("filter", "one")[-32:], order["seq"]))
        return {}


def described(created: str, first: int = 1) -> dict[str, Any]:
    config = {"discard": "new", "description": MARK, "max_bytes": 1000}
    return {"created": created, "config": config, "state": {"bytes": 1000, "first_seq": first}}


async def told(*_: object) -> None: ...


@pytest.mark.parametrize("version", ["2.9.10", "2.14.0"])
@pytest.mark.parametrize("again", [None, 3, 5, 7])
def test_blocks_of_an_earlier_stream_are_not_removed_from_a_later_one(version, again):
    """Its numbers begin anew, and stand for others. again: what of the later one is on our disk, too."""
    link: Any = Link(version)
    source = StreamSource((("127.0.0.1", 4222),), "LOGS")
    emptier = StreamEmptier(source, link, 32 * "c", told)

    async def work() -> None:
        await emptier.look_at(described("yesterday"))
        for number in (4, 5):
            emptier.record_stored(ONE, number)
        await emptier.empty_if_needed()
        assert link.removed and max(number for _, number in link.removed) <= 5
        for number in (6, 7):
            emptier.record_stored(ONE, number)
        link.removed.clear()
        await emptier.look_at(described("today"))
        assert emptier.works
        await emptier.empty_if_needed()
        assert link.removed == []
        if again is not None:
            emptier.record_stored(ONE, again - 1)
            emptier.record_stored(ONE, again)
            await emptier.empty_if_needed()
            purged = version == "2.14.0"
            assert link.removed == [(ONE, again) if purged else ("one", again - 1)]

    asyncio.run(work())


@pytest.mark.parametrize(
    ("version", "removed"),
    [("2.9.10", [("one", 8), ("one", 9)]), ("2.14.0", [(ONE, 10)])],
)
def test_messages_that_the_stream_has_dropped_itself_are_forgotten(version, removed):
    link: Any = Link(version)
    source = StreamSource((("127.0.0.1", 4222),), "LOGS")
    emptier = StreamEmptier(source, link, 32 * "c", told)

    async def work() -> None:
        for number in range(1, 11):
            await emptier.look_at(described("today", first=number - 2 if number > 3 else 1))
            emptier.record_stored(ONE, number)
        await emptier.empty_if_needed()

    asyncio.run(work())
    assert link.removed == removed
