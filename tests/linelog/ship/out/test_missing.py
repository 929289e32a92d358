"""The note at a stream of the lines that a centre has passed over, with real servers."""

import pytest

from logsrv.kit.net.twisted.asyncio_thread import AsyncioThread
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.out.jetstream import JetStreamTarget
from logsrv.linelog.ship.out.link import NatsLink
from logsrv.linelog.ship.out.missing import add_missing, fetch_missing
from logsrv.linelog.ship.registry import TargetSettings
from tests.parts.listening import REACTOR, in_reactor
from tests.parts.nats_servers import debian, newer, one_server, url_of

ONE, OTHER = 32 * "a", 32 * "b"


@pytest.mark.parametrize("program", [debian, newer])
@in_reactor
async def test_notes_are_kept_for_each_store_and_the_oldest_give_way(program, tmp_path):
    with one_server(program(), tmp_path) as server:
        url = parse_ship_url(url_of([server]))
        edge = JetStreamTarget(TargetSettings(name="a", url=url, store=ONE), REACTOR)
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
                    link, "LOGS", ONE, f"{number}:0 to {number}:99 at centre cccccccc"
                )
                if number in (1, 149):
                    found.append(await fetch_missing(link, "LOGS", ONE))
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
