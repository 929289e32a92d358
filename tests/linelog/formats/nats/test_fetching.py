"""Tests for fetching out of a stream: a real server, and a store that is a list."""

import importlib
from typing import Any

import pytest

from logsrv import reactor
from logsrv.errors import ConfigurationError
from logsrv.linelog.formats.nats import fetching
from logsrv.linelog.formats.nats import input as nats
from logsrv.linelog.formats.nats.fetching import (
    HoleError,
    UnstorableBlockError,
)
from logsrv.linelog.formats.nats.link import NatsLink
from logsrv.linelog.formats.registry import inputs
from logsrv.linelog.plugin.logger_settings import parse_listen
from tests.parts.nats_centres import ONE, OTHER, Centre, chain, ship, target
from tests.parts.nats_servers import newer, one_server
from tests.parts.reactor import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LOOK", 0.1)


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


async def test_a_stream_that_was_made_anew_is_read_from_its_beginning(tmp_path):
    with one_server(newer(), tmp_path) as server:
        await ship(target(server, ONE), chain(ONE, 1))
        centre = Centre(server)
        centre.sequences[ONE] = 1000
        centre.start()
        await until(lambda: centre.stored, "the block")
        await centre.stop()


async def test_a_fetching_that_misses_its_end_is_told_again(tmp_path, monkeypatch):
    """nats-py takes a cancellation for one of its own if it comes while something is written."""
    monkeypatch.setattr(reactor, "AGAIN", 0.1)
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
    with pytest.raises(ConfigurationError, match=r"needs the package nats; .*\[nats\]"):
        inputs()["nats"].stream(some)
    assert importlib.import_module("nats")
