"""Fetching one page, from a server or from this machine; the part received so far can be shown anytime."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.browse.page import MenuContent, Page, way_to_show
from logsrv.gopher.browse.page_lines import ITEMS, LONGEST, PageLine, menu_line, text_lines
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.on_asyncio import AsyncAnswer, async_answer_of
from logsrv.gopher.wire.content import Limits
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.text import decode_text, unstuffed

# Bytes of an answer after which loading ends with TooBig, and only the part received is shown. Nobody reads
# more on a screen, and larger files can be saved.
LIMITS = Limits(menu=8 * 1024 * 1024, text=16 * 1024 * 1024, download=None)
# Lines of a text after which loading ends with TooBig, too: 16 MiB of empty lines would need gigabytes of
# memory.
MOST_LINES = 400_000
# Seconds between two updates of a page that is loading: more updates would only cost time.
_GROWS_EVERY = 0.1
MOST_PICTURE = 32 * 1024 * 1024

_CUT = (
    "The server ended TLS without its close, as some always do: whether something is missing at the "
    "end cannot be told."
)


class PageLoad:
    """A page that is loading. `wait_for_page()` waits for all of it, `page_so_far()` returns the part
    received so far, `growing_lines()` yields its lines as they arrive.

    options: returns the options of the connection. It may read files; the page shows their errors, too.
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
        most = {"menu": limits.menu, "text": limits.text}
        self._most_bytes = most.get(self._way, MOST_PICTURE)
        self._charset = charset
        self._answer: AsyncAnswer | None = None
        self._menu = MenuParser(limits.line, limits.items)
        self._items: list[MenuItem] = []
        self._bytes = bytearray()
        self._newlines = 0
        self._whole = False
        # The lines that can be shown already, and the number of bytes of the text from which they are made.
        self._lines: list[PageLine] = []
        self._shown = 0
        self._more = asyncio.Event()
        self._began = time.monotonic()
        self._coming: asyncio.Task[Page] | None = None
        self.url = url

    @property
    def received(self) -> int:
        """Bytes received."""
        return 0 if self._answer is None else self._answer.received

    @property
    def seconds(self) -> float:
        """Return the seconds since it was created."""
        return time.monotonic() - self._began

    def start_request(self) -> asyncio.Task[Page]:
        """Send the request, once, and return its task; cancelling the task closes the connection."""
        if self._coming is None:
            self._coming = asyncio.get_running_loop().create_task(self._receive_page())
        return self._coming

    async def wait_for_page(self) -> Page:
        """Return the page. If loading fails, its `error` says why, and it has the part received so far."""
        return await self.start_request()

    async def growing_lines(self) -> AsyncIterator[list[PageLine]]:
        """Yield the lines of a menu or a text each time there are more to show, until the page is complete.

        Each time these are all lines so far.
        """
        coming, known = self.start_request(), 0
        while not coming.done():
            self._more.clear()
            while self._make_more_lines():
                await asyncio.sleep(0)
            if len(self._lines) > known:
                known = len(self._lines)
                yield self._lines
                await asyncio.wait((coming,), timeout=_GROWS_EVERY)
            else:
                await self._more.wait()

    async def _receive_page(self) -> Page:
        try:
            cut = await self._receive_answer()
            self._whole = True
            return self.page_so_far(None, _CUT if cut else "")
        except LogsrvError as error:
            return self.page_so_far(error)
        except OSError as error:
            return self.page_so_far(ConfigurationError(f"a file cannot be used: {error}"))
        finally:
            self._more.set()

    def page_so_far(self, error: LogsrvError | None, note: str = "") -> Page:
        """Return a page with the part received so far."""
        begun = self._answer is not None and self._answer.begun
        content = self._content_so_far() if self._whole or begun else None
        return Page(self.url, content, error, note, self.received, self.seconds)

    def _make_more_lines(self) -> bool:
        """Add the next lines received; return true if there may be more to add.

        Only whole lines of a text are added. A line with only a dot waits, because it may be the end.
        """
        if self._way == "menu":
            known = len(self._lines)
            items = self._items[known : known + ITEMS]
            self._lines += [menu_line(item, self._charset) for item in items]
            return bool(items)
        if self._way == "text":
            most = self._shown + LONGEST
            end = (
                self._bytes.rfind(b"\n", self._shown, most) + 1 or self._bytes.find(b"\n", most) + 1
            )
            last = self._bytes.rfind(b"\n", 0, max(0, end - 1)) + 1
            if self._bytes[last:end].rstrip(b"\r\n") == b".":
                end = last
            if end > self._shown:
                fresh, self._shown = bytes(self._bytes[self._shown : end]), end
                if b"\0" not in fresh:
                    self._lines += text_lines(decode_text(fresh, self._charset))
                return True
        return False

    async def _receive_answer(self) -> bool:
        options = self._options()
        how = {"most_seconds": options.timeouts.whole, "charset": self._charset}
        async with async_answer_of(self.url, options, self._most_bytes, **how) as answer:
            self._answer = answer
            async for chunk in answer:
                if self._way == "menu":
                    self._items += self._menu.feed(chunk)
                    if self._menu.is_full:
                        raise TooBig("the menu", len(self._items), "lines")
                else:
                    self._bytes += chunk
                    if self._way == "text":
                        self._newlines += chunk.count(b"\n")
                        if self._newlines > MOST_LINES:
                            raise TooBig("the text", MOST_LINES, "lines")
                self._more.set()
                if self._menu.terminated:
                    break
        return answer.cut

    def _content_so_far(self) -> MenuContent | bytes:
        if self._way == "menu":
            self._items += self._menu.finish()
            return MenuContent(tuple(self._items), self._menu.dropped)
        content, answer = bytes(self._bytes), self._answer
        if self._way == "text" and self._whole and answer is not None and not answer.has_header:
            content, _ = unstuffed(content)
        return content
