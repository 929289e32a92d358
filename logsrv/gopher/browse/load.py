"""Fetching one page, with what has come so far always at hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.browse.lines import Line, menu_line, text_lines
from logsrv.gopher.browse.page import Menu, Page, way_to_show
from logsrv.gopher.browse.source import Source, source_of
from logsrv.gopher.fetch.settings import ConnectionOptions, Limits
from logsrv.gopher.local.fileurl import ItemURL
from logsrv.gopher.wire.charset import decode_text
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.text import unstuffed

# More of a text than anybody reads on a screen; what is larger is better saved.
LIMITS = Limits(menu=8 * 1024 * 1024, text=16 * 1024 * 1024, download=None)
# 16 MiB of empty lines would take gigabytes of memory.
MOST_LINES = 400_000
# What takes a second to read.
MOST_HTML = 2 * 1024 * 1024
MOST_PICTURE = 32 * 1024 * 1024

_CUT = (
    "The server ended TLS without its close, as some always do: whether something is missing at the "
    "end cannot be told."
)


class Loading:
    """A page on its way: `page()` gets all of it, `so_far()` is what has come.

    options: how to connect, which may need files; what is wrong with those is on the page too. grown:
    called when more has come; `fresh_lines()` then has what can be shown of it already.
    """

    def __init__(
        self,
        url: ItemURL,
        options: Callable[[], ConnectionOptions],
        *,
        limits: Limits = LIMITS,
        charset: str | None = None,
    ) -> None:
        self._way = way_to_show(url)
        self._options = options
        most = {"menu": limits.menu, "text": limits.text, "html": MOST_HTML}
        self._most_bytes = most.get(self._way, MOST_PICTURE)
        self._charset = charset
        self._answer: Source | None = None
        self._menu = MenuParser(limits.line, limits.items)
        self._items: list[MenuItem] = []
        self._pieces: list[bytes] = []
        self._lines = 0
        self._whole = False
        self._shown_items = 0
        self._unshown: list[bytes] = []
        self.grown: Callable[[], None] = lambda: None
        self._began = time.monotonic()
        self._coming: asyncio.Task[Page] | None = None
        self.url = url

    @property
    def received(self) -> int:
        """Bytes that have come."""
        return 0 if self._answer is None else self._answer.received

    @property
    def seconds(self) -> float:
        """Return how long it has been going on."""
        return time.monotonic() - self._began

    def begin(self) -> None:
        """Ask for the page before somebody waits for it."""
        self._coming = asyncio.get_running_loop().create_task(self._received())

    async def page(self) -> Page:
        """The page; what goes wrong is in its `error`, beside the part that came before."""
        return await (self._coming or self._received())

    async def _received(self) -> Page:
        try:
            cut = await self._take()
        except LogsrvError as error:
            return self.so_far(error)
        except OSError as error:
            return self.so_far(ConfigurationError(f"a file cannot be used: {error}"))
        self._whole = True
        return self.so_far(None, _CUT if cut else "")

    def so_far(self, error: LogsrvError | None, note: str = "") -> Page:
        """A page of what has come until now."""
        begun = self._answer is not None and self._answer.begun
        content = self._content() if self._whole or begun else None
        return Page(self.url, content, error, note, self.received, self.seconds)

    def first_lines(self, charset: str | None, most: int) -> list[Line]:
        """Return the beginning of what has come, at most so many lines."""
        if self._way == "menu":
            return [menu_line(item, charset) for item in self._items[:most]]
        if self._way != "text" or not self._pieces or b"\0" in self._pieces[0]:
            return []
        return text_lines(decode_text(self._pieces[0], charset))[:most]

    def fresh_lines(self, charset: str | None) -> list[Line]:
        """Return the lines that have come since the last call, of a menu or a text."""
        if self._way == "menu":
            items = self._items[self._shown_items :]
            self._shown_items = len(self._items)
            return [menu_line(item, charset) for item in items]
        whole, newline, rest = b"".join(self._unshown).rpartition(b"\n")
        self._unshown = [rest]
        if not newline or b"\0" in whole:
            return []
        return text_lines(decode_text(whole + newline, charset))

    async def _take(self) -> bool:
        options = self._options()
        how = {"most_seconds": options.timeouts.whole, "charset": self._charset}
        async with source_of(self.url, options, self._most_bytes, **how) as answer:
            self._answer = answer
            async for chunk in answer:
                if self._way == "menu":
                    self._items += self._menu.feed(chunk)
                else:
                    self._pieces.append(chunk)
                    if self._way == "text":
                        self._unshown.append(chunk)
                        self._lines += chunk.count(b"\n")
                        if self._lines > MOST_LINES:
                            raise TooBig("the text", MOST_LINES, "lines")
                self.grown()
                if self._menu.terminated:
                    break
        return answer.cut

    def _content(self) -> Menu | bytes:
        if self._way == "menu":
            self._items += self._menu.finish()
            return Menu(tuple(self._items), self._menu.dropped)
        content, answer = b"".join(self._pieces), self._answer
        if self._way == "text" and self._whole and answer is not None and answer.stuffed:
            content, _ = unstuffed(content)
        return content
