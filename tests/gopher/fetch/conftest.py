"""The three ways to fetch, behind one call; what holds for all: test_front_ends.py and test_tls.py."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from logsrv.errors import LogsrvError
from logsrv.gopher import GopherClient
from logsrv.gopher.fetch.blocking import open_answer
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.on_asyncio import AsyncioStream
from logsrv.gopher.wire.url import GopherURL


class Fetched(NamedTuple):
    """What came, and the error behind it."""

    content: bytes
    error: LogsrvError | None


Fetch = Callable[..., Awaitable[Fetched]]


async def collected(pieces: AsyncIterator[bytes]) -> Fetched:
    content = b""
    try:
        async for piece in pieces:
            content += piece
    except LogsrvError as error:
        return Fetched(content, error)
    return Fetched(content, None)


async def by_client(url: str, options: ConnectionOptions) -> Fetched:
    from twisted.internet import reactor

    client = GopherClient(
        reactor,  # type: ignore[arg-type]
        limits=options.limits,
        trust=options.trust,
        proxy=options.proxy,
    )

    async def pieces() -> AsyncIterator[bytes]:
        async with await client.open(url) as response:
            async for piece in response:
                yield piece

    return await collected(pieces())


async def by_asyncio(url: str, options: ConnectionOptions) -> Fetched:
    async def pieces() -> AsyncIterator[bytes]:
        async with AsyncioStream(GopherURL.parse(url), options) as answer:
            async for piece in answer:
                yield piece

    return asyncio.run(collected(pieces()))


async def by_blocking(url: str, options: ConnectionOptions) -> Fetched:
    content = b""
    try:
        with open_answer(GopherURL.parse(url), options, as_sent=True) as file:
            for piece in file.pieces():
                content += piece
    except LogsrvError as error:
        return Fetched(content, error)
    return Fetched(content, None)


@pytest.fixture(params=[by_client, by_asyncio, by_blocking])
def fetch(request: pytest.FixtureRequest) -> Fetch:
    """`fetch(url, limits=…, trust=…, proxy=…)` by each front end."""

    async def call(url: str, **options: Any) -> Fetched:
        fetched: Fetched = await request.param(url, ConnectionOptions(**options))
        return fetched

    return call
