"""Lines on their way through NATS: an edge, a stream, a centre."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import nats
import nats.errors
import nats.js.errors

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import Logger
from tests.parts.nats_servers import NatsServer, url_of
from tests.parts.store_reader import stored_bytes

CHILD = "ship.ship_child"


def of(servers: list[NatsServer], more: str = "", stream: str = "LOGS") -> str:
    """Return the `--listen` of a centre that fetches from a stream of these servers."""
    return f"nats:{url_of(servers, stream).removeprefix('nats://')}{more}"


def send(server: Logger, begin: int, end: int) -> None:
    server.send(b"".join(b"line %d\n" % number for number in range(begin, end)))


def arrives(centre: Logger, edge: Logger, count: int, deadline: float = PATIENCE) -> None:
    """Wait until an edge has `count` lines, and a centre has all of them, byte by byte."""
    edge.wait_until(lambda: len(edge.messages()) >= count, f"{count} lines")
    centre.wait_until(
        lambda: len(stored_bytes(centre.store)) >= len(stored_bytes(edge.store)),
        "all bytes",
        deadline,
    )
    assert stored_bytes(centre.store) == stored_bytes(edge.store)


def in_nats(server: NatsServer, call: Callable[[Any], Awaitable[Any]]) -> Any:
    """Call a function with the streams of a server, and wait for its result."""

    async def done() -> Any:
        client = await nats.connect(f"nats://127.0.0.1:{server.port}", connect_timeout=PATIENCE)
        try:
            return await call(client.jetstream(timeout=PATIENCE))
        finally:
            await client.close()

    return asyncio.run(done())


def messages(server: NatsServer, count: int) -> None:
    """Wait until a stream has `count` messages."""

    def there() -> bool:
        with contextlib.suppress(nats.js.errors.Error):
            info = in_nats(server, lambda streams: streams.stream_info("LOGS"))
            return bool(info.state.messages >= count)
        return False

    wait_until(there, f"{count} messages")
