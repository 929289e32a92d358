"""Fetching followed menus: a few at a time, on asyncio's loop, with limits on bytes, items and seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.fetch.connection_options import ConnectionOptions, Limits
from logsrv.gopher.fetch.on_asyncio import AsyncioStream
from logsrv.gopher.follow.entries import Entry, menu_entries, text_entries, utc_day
from logsrv.gopher.follow.following import FollowedMenu, FollowedStore
from logsrv.gopher.follow.news import News
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.text import unstuffed
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

# A larger menu or text fails with TooBig: the largest phlogs have a few thousand entries.
LIMITS = Limits(menu=4 * 1024 * 1024, text=4 * 1024 * 1024, items=20_000)
AT_ONCE = 4
# Seconds for one menu: a server that sends a byte now and then must not occupy one of the four slots.
_MOST_SECONDS = 60.0
OptionsFor = Callable[[GopherURL], ConnectionOptions]


async def fetch_entries(
    url: GopherURL, options: ConnectionOptions, now: int, charset: str | None = None
) -> list[Entry]:
    """Return the entries of the menu or text at `url`. Raises GopherError, ConfigurationError, OSError."""
    as_menu = item_type(url.item_type).transfer == "menu"
    most = LIMITS.menu if as_menu else LIMITS.text
    parser = MenuParser(LIMITS.line, LIMITS.items)
    items: list[MenuItem] = []
    pieces: list[bytes] = []
    lines = 0
    seconds = min(_MOST_SECONDS, options.timeouts.whole)
    async with AsyncioStream(url, options, most_bytes=most, most_seconds=seconds) as answer:
        async for piece in answer:
            if as_menu:
                items += parser.feed(piece)
                if parser.terminated:
                    break
            else:
                pieces.append(piece)
                lines += piece.count(b"\n")
                if lines > LIMITS.items:
                    raise TooBig("the text", LIMITS.items, "lines")
    if as_menu:
        items += parser.finish()
        return await asyncio.to_thread(menu_entries, url, items, charset)
    content, _ = unstuffed(b"".join(pieces))
    return await asyncio.to_thread(text_entries, url, content, utc_day(now), charset)


async def fetch_and_store_news(
    followed: Sequence[FollowedMenu],
    following: FollowedStore,
    options_for: OptionsFor,
    clock: Callable[[], float],
    charset: str | None = None,
    looked: Callable[[FollowedMenu], None] = lambda _: None,
) -> list[tuple[FollowedMenu, LogsrvError]]:
    """Fetch these menus, a few at a time, and store their news. Return each failed menu with its error.

    clock: seconds since 1970. looked: called with each menu when it was fetched or has failed.
    """
    places = asyncio.Semaphore(AT_ONCE)
    problems: list[tuple[FollowedMenu, LogsrvError]] = []

    async def look(each: FollowedMenu) -> None:
        problem: LogsrvError | None = None
        async with places:
            now = int(clock())
            try:
                entries = await fetch_entries(each.url, options_for(each.url), now, charset)
                change = partial(News.after_fetch, entries=entries, now=now)
            except LogsrvError as error:
                problem = error
            except OSError as error:
                problem = ConfigurationError(f"a file cannot be used: {one_line(str(error))}")
            if problem is not None:
                change = partial(News.after_failure, sentence=one_line(str(problem)), now=now)
            try:
                # In a thread, because another process may hold the lock, and a large menu takes long.
                await asyncio.to_thread(following.change_news, each.url, change)
            except ConfigurationError as error:
                problem = error
        if problem is not None:
            problems.append((each, problem))
        looked(each)

    async with asyncio.TaskGroup() as tasks:
        for each in followed:
            tasks.create_task(look(each))
    return problems
