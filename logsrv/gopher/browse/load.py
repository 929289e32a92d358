"""Fetching one page, with what has come so far always at hand."""

from __future__ import annotations

import asyncio
import time

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.browse.connection import Connection
from logsrv.gopher.browse.page import Page, Picture, way_to_show
from logsrv.gopher.fetch.settings import Limits, Timeouts
from logsrv.gopher.fetch.trust import Trust
from logsrv.gopher.wire.errors import GopherError, TimedOut
from logsrv.gopher.wire.menu import Menu, MenuItem, MenuParser
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.text import Text, TextParser
from logsrv.gopher.wire.url import GopherURL

# More of a text than anybody reads on a screen; what is larger is better saved.
LIMITS = Limits(menu=8 * 1024 * 1024, text=16 * 1024 * 1024, download=None)
MOST_PICTURE = 32 * 1024 * 1024
TIMEOUTS = Timeouts()

_CUT = (
    "The server ended TLS without its close, as some always do: whether something is missing at the "
    "end cannot be told."
)


class Loading:
    """A page on its way: `page()` gets all of it, `so_far()` is what has come."""

    def __init__(
        self,
        url: GopherURL,
        trust: Trust,
        *,
        limits: Limits = LIMITS,
        timeouts: Timeouts = TIMEOUTS,
        charset: str | None = None,
    ) -> None:
        self._way = way_to_show(url)
        self._limits = limits
        self._timeouts = timeouts
        self._trust = trust
        most = {"menu": limits.menu, "text": limits.text}.get(self._way, MOST_PICTURE)
        self._reader = ResponseReader(url, most, charset)
        self._menu = MenuParser(limits.line, limits.items)
        self._items: list[MenuItem] = []
        self._pieces: list[bytes] = []
        self._whole = False
        self._began = time.monotonic()
        self.url = url

    @property
    def received(self) -> int:
        """Bytes that have come."""
        return self._reader.received

    @property
    def seconds(self) -> float:
        """Return how long it has been going on."""
        return time.monotonic() - self._began

    async def page(self) -> Page:
        """The page; what goes wrong is in its `error`, beside the part that came before."""
        note = ""
        try:
            async with asyncio.timeout(self._timeouts.whole):
                note = await self._take()
        except TimeoutError:
            return self.so_far(TimedOut(self.url.address, "whole", self._timeouts.whole))
        except LogsrvError as error:
            return self.so_far(error)
        except OSError as error:
            return self.so_far(ConfigurationError(f"a file cannot be used: {error}"))
        self._whole = True
        return self.so_far(None, note)

    def so_far(self, error: LogsrvError | None, note: str = "") -> Page:
        """A page of what has come until now."""
        content = self._content() if self._whole or self._reader.passed_on else None
        return Page(self.url, content, error, note, self.received, self.seconds)

    async def _take(self) -> str:
        async with Connection(self.url, self._timeouts, self._trust) as connection:
            async for chunk in connection.answer(self._reader):
                if self._way != "menu":
                    self._pieces.append(chunk)
                    continue
                self._items += self._menu.feed(chunk)
                if self._menu.terminated:
                    break
        return _CUT if connection.cut else ""

    def _content(self) -> Menu | Text | Picture:
        if self._way == "menu":
            self._items += self._menu.finish()
            menu = self._menu
            return Menu(self.url, tuple(self._items), menu.terminated, menu.dropped)
        content = b"".join(self._pieces)
        if self._way == "picture":
            return Picture(self.url, content)
        if not self._whole or self._reader.header is not None:
            return Text(self.url, content, terminated=False)
        parser = TextParser(self._limits.text)
        try:
            content = parser.feed(content) + parser.finish()
        except GopherError:
            pass  # as it came is better than not at all
        return Text(self.url, content, parser.terminated)
