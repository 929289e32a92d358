"""Followed menus: their addresses in a file that people may edit, and the known entries of each menu in a
file of its own.

    gopher-followed            URL TITLE on each line, like bookmarks
    gopher-news/DIGEST         JSON; if it is damaged or missing, the news of that menu are lost
    gopher-news/feed           the id of the feed of all menus

They are fetched a few at a time, on asyncio's loop, with limits on bytes, items and seconds.
"""

from __future__ import annotations

import asyncio
import fcntl
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeGuard

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.on_asyncio import AsyncioStream
from logsrv.gopher.fetch.wholefile import write_whole
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.follow.entries import (
    Entry,
    entry_key,
    id_without_tls,
    menu_entries,
    text_entries,
    utc_day,
)
from logsrv.gopher.follow.news import News, NewsItem
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.fileurl import FileURL, ItemURL
from logsrv.gopher.wire.itemtypes import AnswerKind, item_type
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

# Bytes of a file that are read. Somebody else may have put a larger one there: it counts as damaged.
_MOST_BYTES = 16 * 1024 * 1024
_FEED = "feed"


class FollowedMenu(NamedTuple):
    """A followed menu and its news. `title` is safe to show on one line."""

    url: GopherURL
    title: str
    news: News


def can_follow(url: ItemURL) -> TypeGuard[GopherURL]:
    """Return true if `url` can be followed: a menu, a text, or a search with its words, on a server."""
    if isinstance(url, FileURL):
        return False
    asks = item_type(url.item_type).name == "search" and not url.search
    return item_type(url.item_type).transfer in ("menu", "text") and not asks and url.plus is None


def items_of_all_menus(followed: Iterable[FollowedMenu]) -> list[tuple[NewsItem, FollowedMenu]]:
    """Return (item, menu) for the items of all menus, each entry once.

    New items come before read ones, the newest date first.
    """
    found: dict[str, tuple[NewsItem, FollowedMenu]] = {}
    for each in followed:
        for item in each.news.items:
            known = found.setdefault(id_without_tls(item.id), (item, each))
            if known[0].read and not item.read:
                found[id_without_tls(item.id)] = (item, each)
    return sorted(
        found.values(), key=lambda pair: (not pair[0].read, pair[0].day, pair[0].seen), reverse=True
    )


class FollowedStore:
    """The followed menus, in files below `directory`. Each call reads the files, and changes take a lock:
    several browsers and commands may use them at once.

    All methods raise ConfigurationError if a file cannot be read or written.
    """

    def __init__(self, directory: Path) -> None:
        self._list = Bookmarks(directory / "gopher-followed", "the list of followed menus")
        self._news = directory / "gopher-news"

    def all(self) -> list[FollowedMenu]:
        """Return the followed menus in the order of the list."""
        return [
            FollowedMenu(url, title, self.read_news(url))
            for url, title in self._read_titles().items()
        ]

    def read_news(self, url: GopherURL) -> News:
        """Return the news of the menu at `url`, empty ones if there is no file."""
        try:
            with self._news_path(url).open("rb") as file:
                return News.from_json(file.read(_MOST_BYTES))
        except FileNotFoundError:
            return News()
        except OSError as error:
            raise ConfigurationError(f"the list of new items cannot be read: {error}") from error

    def follow(self, url: GopherURL, title: str, entries: Sequence[Entry], now: int) -> bool:
        """Follow a menu whose `entries` count as read; return False if it is followed already."""
        with self._locked():
            if url in self._read_titles():
                return False
            # Write the entries before the list: a full disk must not leave a menu without its entries in
            # the list.
            write_whole(self._news_path(url), News().after_fetch(entries, now).as_json())
            return self._list.add(url, title)

    def unfollow(self, url: GopherURL) -> bool:
        """Stop following the menu and remove its news; return False if it was not followed."""
        with self._locked():
            if not self._list.remove(url):
                return False
            self._news_path(url).unlink(missing_ok=True)
        return True

    def change_news(self, url: GopherURL | None, change: Callable[[News], News]) -> bool:
        """Apply `change` to the news of the menu at `url`, or of all; return False if nothing changed."""
        changed = False
        with self._locked():
            for each in self._read_titles():
                if url not in (None, each):
                    continue
                before = self.read_news(each)
                if (after := change(before)) != before:
                    write_whole(self._news_path(each), after.as_json())
                    changed = True
        return changed

    def mark_entries(self, ids: Sequence[str] | None = None, *, read: bool = True) -> bool:
        """Mark entries, or all, as read or as new, in all menus; return False if nothing changed."""
        return self.change_news(None, lambda news: news.with_entries_marked(ids, read=read))

    def get_or_make_feed_id(self) -> str:
        """Return the id of the feed of all menus, a UUID made at the first call."""
        with self._locked():
            try:
                return uuid.UUID((self._news / _FEED).read_text("ascii").strip()).urn
            except (FileNotFoundError, ValueError):
                made = uuid.uuid4()
                write_whole(self._news / _FEED, f"{made}\n".encode())
                return made.urn

    def _read_titles(self) -> dict[GopherURL, str]:
        titles: dict[GopherURL, str] = {}
        for mark in self._list.all():
            if can_follow(mark.url):
                titles.setdefault(mark.url, mark.title)
        return titles

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock that all browsers and commands take to change these files, for milliseconds."""
        try:
            self._news.mkdir(parents=True, exist_ok=True)
            with (self._news / ".lock").open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise ConfigurationError(f"the list of new items cannot be saved: {error}") from error

    def _news_path(self, url: GopherURL) -> Path:
        return self._news / entry_key(str(url))


# A larger menu or text fails with TooBig: the largest phlogs have a few thousand entries.
# whole: a server that sends a byte now and then must not occupy one of the four slots.
LIMITS = Limits(menu=4 * 1024 * 1024, text=4 * 1024 * 1024, items=20_000, lines=20_000, whole=60.0)
AT_ONCE = 4
OptionsFor = Callable[[GopherURL], ConnectionOptions]


async def fetch_entries(
    url: GopherURL, options: ConnectionOptions, now: int, charset: str | None = None
) -> list[Entry]:
    """Return the entries of the menu or text at `url`. Raises GopherError, ConfigurationError, OSError."""
    kind: AnswerKind = "menu" if item_type(url.item_type).transfer == "menu" else "text"
    content = Content(kind, LIMITS)
    options = options.replace(limits=LIMITS.with_times_of(options.limits))
    async with AsyncioStream(url, options, kind) as answer:
        async for piece in answer:
            if content.feed(piece):
                break
    content.finish(has_header=False)
    if kind == "menu":
        return await asyncio.to_thread(menu_entries, url, content.items, charset)
    return await asyncio.to_thread(text_entries, url, content.content, utc_day(now), charset)


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
    slots = asyncio.Semaphore(AT_ONCE)
    problems: list[tuple[FollowedMenu, LogsrvError]] = []

    async def look(each: FollowedMenu) -> None:
        problem: LogsrvError | None = None
        async with slots:
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
