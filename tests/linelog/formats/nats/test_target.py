"""The target of blocks in JetStream: real servers, of Debian and newer."""

from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater

from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.linelog.formats.nats.link import NatsLink
from logsrv.linelog.formats.nats.missing import add_missing, fetch_missing
from logsrv.linelog.formats.nats.target import JetStreamTarget
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target import (
    LastBlock,
    MisplacedBlock,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.segment import Position
from logsrv.reactor import AsyncioThread
from tests.parts.blocks import Edge, block_of, blocks, stored_lines
from tests.parts.certificates import Authority
from tests.parts.nats_centres import refused, ship
from tests.parts.nats_servers import cluster, debian, newer, one_server, url_of
from tests.parts.nkeys import operator_mode
from tests.parts.reactor import REACTOR

STORE = 32 * "a"
EDGE = Edge(STORE, stored_lines(STORE, 3000), 200_000)
BLOCK = next(blocks(EDGE, 50_000))
EITHER = pytest.mark.parametrize("program", [debian, newer])


def target(url: str, **more: Any) -> JetStreamTarget:
    settings = TargetSettings(name="a", url=parse_ship_url(url), store=STORE, **more)
    return JetStreamTarget(settings, REACTOR)


@EITHER
async def test_a_stream_is_made_asked_and_has_what_was_sent(program, tmp_path):
    with one_server(program(), tmp_path) as server:
        one = target(url_of([server]))
        assert await one.fetch_last_block() is None
        assert one.promise.startswith("exactly once; the stream LOGS keeps them on 1 server;")
        first, second, third, *_ = blocks(EDGE, 50_000)
        for block in first, second:
            await one.send(block)
        assert await one.fetch_last_block() == LastBlock(second.end, second.start, second.crc)
        again = target(url_of([server]))
        await again.fetch_last_block()
        await again.send(third)
        # By a shipper that does not know of it: nothing is there twice.
        with pytest.raises(MisplacedBlock):
            await one.send(third)
        await one.close()
        assert await again.fetch_last_block() == LastBlock(third.end, third.start, third.crc)
        await again.close()


async def test_acknowledged_blocks_survive_a_kill_of_the_server(tmp_path):
    with one_server(newer(), tmp_path) as server:
        one = target(url_of([server]))
        assert await one.fetch_last_block() is None
        first, second, *_ = blocks(EDGE, 50_000)
        await one.send(first)
        server.kill()
        with pytest.raises(Unavailable) as gone:
            await one.send(second)
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:.* refused") as away:
            await one.fetch_last_block()
        assert (gone.value.settled, away.value.settled) == (False, False)
        server.start()
        server.wait()
        assert await one.fetch_last_block() == LastBlock(first.end, first.start, first.crc)
        await one.send(second)
        await one.close()


@pytest.mark.slow
async def test_only_one_of_three_publishers_gets_the_next_place(tmp_path):
    """Each at a server of its own, with another block behind the same: a cluster takes one of them."""
    with cluster(newer(), tmp_path) as servers:
        all_three = [target(url_of([one])) for one in servers]
        last = await agreed(all_three)
        assert all_three[0].promise.startswith(
            "exactly once; the stream LOGS keeps them on 3 servers;"
        )
        for number in range(60):
            after = None if last is None else last.position
            begin = Position(1, 0) if after is None else after
            made = [
                block_of(STORE, stored_lines(STORE, 1, first=3 * number + one), begin, after)
                for one in range(3)
            ]
            sent = [one.send(block) for one, block in zip(all_three, made, strict=True)]
            found = await DeferredList(sent, consumeErrors=True)
            taken = [block for block, (done, _) in zip(made, found, strict=True) if done]
            assert len(taken) <= 1, f"round {number}"
            refused: list[Any] = [failure for done, failure in found if not done]
            assert all(failure.check(MisplacedBlock, Unavailable) for failure in refused)
            last = await agreed(all_three)
            assert not taken or (last is not None and last.crc == taken[0].crc)
        assert last is not None
        for one in all_three:
            await one.close()


@pytest.mark.slow
async def test_an_older_cluster_promises_at_least_once(tmp_path):
    with cluster(debian(), tmp_path) as servers:
        one = target(url_of(servers))
        assert await stands(one) is None
        assert one.promise.startswith("at least once: nats-server 2.9")
        assert "keeps them on 3 servers" in one.promise
        for block in list(blocks(EDGE, 50_000))[:3]:
            await one.send(block)
        assert await one.fetch_last_block() == LastBlock(block.end, block.start, block.crc)
        await one.close()


async def stands(one: JetStreamTarget) -> LastBlock | None:
    """Ask a target until its servers have found each other."""
    for _ in range(200):
        try:
            return await one.fetch_last_block()
        except Unavailable:
            await deferLater(REACTOR, 0.1)
    raise AssertionError("the servers do not find each other")


async def agreed(some: Sequence[JetStreamTarget]) -> LastBlock | None:
    """Ask targets until all of them are at one place."""
    while True:
        first, *others = [await stands(one) for one in some]
        if all(other == first for other in others):
            return first
        await deferLater(REACTOR, 0.01)


async def test_a_server_says_how_large_a_block_may_be(tmp_path):
    with one_server(newer(), tmp_path, "max_payload: 20000\n") as server:
        one = target(url_of([server]))
        assert await one.fetch_last_block() is None
        assert one.largest == 20000 - 2048
        first = block_of(STORE, stored_lines(STORE, 2000), Position(1, 0), None)
        with pytest.raises(TooMuchAtOnce):
            await one.send(first)
        assert await one.fetch_last_block() is None
        await one.close()


async def test_a_token_and_a_password_let_in(tmp_path):
    with one_server(newer(), tmp_path, "authorization { token: geheim }\n") as server:
        assert await refused(target(url_of([server])), "Authorization Violation")
        one = target(url_of([server]), token="geheim")
        assert await one.fetch_last_block() is None
        await one.close()
    config = "authorization { user: edge, password: geheim }\n"
    with one_server(newer(), tmp_path, config) as server:
        one = target(f"{url_of([server])}?user=edge", token="geheim")
        assert await one.fetch_last_block() is None
        await one.close()


async def test_credentials_let_in(tmp_path):
    config, creds = operator_mode()
    with one_server(newer(), tmp_path, config) as server:
        await refused(target(url_of([server]), token="geheim"), "Authorization Violation")
        assert await ship(target(url_of([server]), token=creds), [BLOCK]) is None


@pytest.mark.slow
async def test_nats_checks_the_certificates_of_both_sides(tmp_path):
    authority = Authority(tmp_path)
    theirs, ours = authority.certify("localhost"), authority.certify("edge")
    files = f'cert_file: "{theirs}", key_file: "{theirs}", ca_file: "{authority.cafile}"'
    config = f"tls {{ {files}, verify: true }}\n"
    with one_server(newer(), tmp_path, config) as server:
        url = f"nats+tls://localhost:{server.port}/LOGS"
        assert await refused(target(url), "is not trusted")
        await refused(target(url, tls=TLSOptions(cafile=authority.cafile)))
        one = target(url, tls=TLSOptions(cafile=authority.cafile, certificate=ours))
        assert await ship(one, [BLOCK]) is None


async def test_nothing_is_said_to_a_server_without_tls(tmp_path):
    """Its token would leave in the clear."""
    with one_server(newer(), tmp_path, "authorization { token: geheim }\n") as server:
        one = target(f"nats+tls://localhost:{server.port}/LOGS", token="geheim")
        assert await refused(one, "offers no TLS")


async def test_streams_that_cannot_be_relied_on_are_refused_with_a_sentence(tmp_path):
    with one_server(newer(), tmp_path) as server:
        link = NatsLink([("127.0.0.1", server.port)], {}, None)
        thread = AsyncioThread(REACTOR, "test")

        async def make() -> None:
            await link.connect_if_needed()
            for name, subjects, retention in (
                ("OTHER", ["else.*"], "limits"),
                ("QUEUE", ["logs.*"], "workqueue"),
            ):
                order = {"name": name, "subjects": subjects, "retention": retention}
                await link.ask_jetstream(f"STREAM.CREATE.{name}", {**order, "storage": "memory"})
            await link.close()

        await thread.run_coroutine(make)
        await thread.stop()
        for name, why in (
            ("OTHER", "does not take the subject logs"),
            ("QUEUE", "removes messages once they are read"),
            ("THIRD", "subjects overlap"),
        ):
            assert await refused(target(url_of([server], name)), why)


async def test_a_server_without_jetstream_says_so(tmp_path):
    with one_server(newer(), tmp_path, "jetstream: disabled\n") as server:
        await refused(target(url_of([server])), "JetStream is not enabled")


OTHER = 32 * "b"


@EITHER
async def test_notes_are_kept_for_each_store_and_the_oldest_give_way(program, tmp_path):
    with one_server(program(), tmp_path) as server:
        edge = target(url_of([server]))
        assert await edge.fetch_last_block() is None
        assert edge.missing == ""
        thread = AsyncioThread(REACTOR, "centre")

        async def note() -> list[str]:
            link = NatsLink([("127.0.0.1", server.port)], {}, None)
            await link.connect_if_needed()
            found = []
            await add_missing(link, "LOGS", OTHER, "7:0 to 7:9\x1b[31m at centre cccccccc")
            for number in range(150):
                await add_missing(
                    link, "LOGS", STORE, f"{number}:0 to {number}:99 at centre cccccccc"
                )
                if number in (1, 149):
                    found.append(await fetch_missing(link, "LOGS", STORE))
            found.append(await fetch_missing(link, "LOGS", OTHER))
            found.append(await fetch_missing(link, "LOGS", 32 * "c"))
            await link.close()
            return found

        two, full, other, none = await thread.run_coroutine(note)
        await thread.stop()
        assert two == "0:0 to 0:99 at centre cccccccc; 1:0 to 1:99 at centre cccccccc"
        assert len(full) <= 4000 and full.endswith("149:0 to 149:99 at centre cccccccc")
        assert not full.startswith("0:0 ")
        assert other == "7:0 to 7:9\\x1b[31m at centre cccccccc"
        assert none == ""
        await edge.fetch_last_block()
        assert edge.missing == full
        await edge.close()
