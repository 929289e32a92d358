"""The target of blocks: a real centre, and servers that say what a centre would not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.linelog.formats.blocks.target import CentreTarget
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target import (
    LastBlock,
    MisplacedBlock,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.segment import Position
from tests.parts.blocks import Edge, block_of, blocks, stored_lines
from tests.parts.certificates import Authority
from tests.parts.daemons import Start, starting
from tests.parts.far_sides import closing
from tests.parts.http_servers import Told, serving
from tests.parts.reactor import REACTOR
from tests.parts.store_reader import stored_bytes

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
STORE = 32 * "a"
BLOCK = block_of(STORE, stored_lines(STORE, 10), Position(1, 0), None)


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[Start]:
    """Start daemons for one test."""
    with starting(tmp_path) as start:
        yield start


def centre(url: str, query: str = "", **options: Any) -> CentreTarget:
    address = parse_ship_url(f"{url}/blocks{query}")
    return CentreTarget(TargetSettings(name="a", url=address, store=STORE, **options), REACTOR)


async def test_a_centre_is_asked_and_has_what_was_sent(logger):
    edge = Edge(STORE, stored_lines(STORE, 3000), 200_000)
    server = logger("--input-token", "geheim", listen=["blocks:tcp:0:interface=127.0.0.1"])
    async with closing(centre(f"http://127.0.0.1:{server.port()}", token="geheim")) as one:
        assert await one.fetch_last_block() is None
        first, second, *others = blocks(edge, 50_000)
        await one.send(first)
        assert await one.fetch_last_block() == LastBlock(first.end, first.start, first.crc)
        with pytest.raises(MisplacedBlock) as caught:
            await one.send(others[0])
        assert caught.value.place == first.end
        # An answer that was lost: it is forgotten there, and fine here.
        await one.send(first)
        for block in second, *others:
            await one.send(block)
    assert stored_bytes(server.store) == edge.text


async def test_a_client_certificate_replaces_a_token(logger, tmp_path):
    authority = Authority(tmp_path)
    certificate = authority.certify("localhost")
    files = f"privateKey={certificate}:certKey={certificate}:clientca={authority.cafile}"
    server = logger(listen=[f"blocks:ssl:0:interface=127.0.0.1:{files}"])
    url = f"https://localhost:{server.port()}"
    async with closing(centre(url, tls=TLSOptions(cafile=authority.cafile))) as nobody:
        with pytest.raises(Unavailable) as caught:
            await nobody.send(BLOCK)
        assert caught.value.settled, caught.value
        own = TLSOptions(cafile=authority.cafile, certificate=authority.certify("edge"))
        async with closing(centre(url, tls=own)) as one:
            await one.send(BLOCK)
    assert stored_bytes(server.store) == stored_lines(STORE, 10)


async def failure(kind: type[Any], *told: Told, ask: bool = False) -> Any:
    with serving(*told) as server:
        async with closing(centre(server.url)) as one:
            with pytest.raises(kind) as caught:
                await (one.fetch_last_block() if ask else one.send(BLOCK))
    return caught.value


async def test_answers_of_a_server_that_is_no_centre_are_errors():
    """It is never taken for an acknowledgement, nor for an empty centre."""
    assert (await failure(Unavailable, Told(200))).settled
    behind = Told(200, headers={"Logsrv-To": "1:1"})
    assert (await failure(Unavailable, behind)).settled
    assert (await failure(Unavailable, Told(200, headers={"Logsrv-To": "x"}))).settled
    assert (await failure(Unavailable, Told(200), ask=True)).settled
    assert (await failure(Unavailable, Told(404, b"<html>"), ask=True)).settled
    assert (await failure(Unavailable, Told(404, b"<html>"))).settled


async def test_refusals_of_a_centre_become_errors_of_a_target():
    assert (await failure(MisplacedBlock, Told(409))).place is None
    at = Told(409, headers={"Logsrv-To": "2:5"})
    assert (await failure(MisplacedBlock, at)).place == Position(2, 5)
    # It has something else in the place of the block, and has forgotten it.
    behind = Told(200, headers={"Logsrv-To": "2:5"})
    assert (await failure(MisplacedBlock, behind)).place == Position(2, 5)
    await failure(TooMuchAtOnce, Told(413))
    said = Told(422, json.dumps({"error": "why"}).encode(), {"Content-Type": "application/json"})
    assert "why" in str(await failure(RefusedForGood, said))
    busy = await failure(Unavailable, Told(503, headers={"Retry-After": "2"}), ask=True)
    assert (busy.after, busy.settled) == (2.0, False)


async def test_the_query_of_the_url_is_in_each_request():
    """A proxy before the centre may select by it, or by a path before `/blocks`."""
    for path, query in (
        ("", ""),
        ("", "?tenant=a"),
        ("", "?tenant=a&key=%2F%3F"),
        ("", "?a"),
        ("/logs/eu", "?tenant=a"),
        ("/logs", ""),
    ):
        with serving(Told(200, headers={"Logsrv-To": str(BLOCK.end)})) as server:
            async with closing(centre(f"{server.url}{path}", query)) as one:
                await one.fetch_last_block()
                await one.send(BLOCK)
        assert [(asked.method, asked.path) for asked in server.asked] == [
            ("GET", f"{path}/blocks/{STORE}{query}"),
            ("POST", f"{path}/blocks{query}"),
        ]


async def test_a_centre_that_does_not_say_what_its_last_block_was():
    with serving(Told(200, headers={"Logsrv-To": "2:5"})) as server:
        async with closing(centre(server.url)) as one:
            assert await one.fetch_last_block() == LastBlock(Position(2, 5), None, None)
