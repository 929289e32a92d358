"""Fetching one page, from a server or from this machine; the part received so far can be shown anytime."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.browse.display_lines import (
    ColourParser,
    DisplayLine,
    end_of_piece,
    is_content_alone,
    menu_line,
    source_note,
    text_lines,
)
from logsrv.gopher.browse.page import MenuContent, Page, failure_to_show, way_to_show
from logsrv.gopher.fetch.blocking import raise_if_needs_tls, sent_nothing
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.on_asyncio import AsyncAnswer, async_answer_of, in_daemon_thread
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.text import TAIL, PieceDecoder, terminator_length
from logsrv.gopher.wire.url import GopherURL

# After these, loading ends with TooBig, and only the part received is shown. Nobody reads more on a screen,
# and larger files can be saved; 16 MiB of empty lines would need gigabytes of memory.
LIMITS = Limits(
    menu=8 * 1024 * 1024, text=24 * 1024 * 1024, download=32 * 1024 * 1024, lines=400_000
)
# Seconds between two updates of a page that is loading: more updates would only cost time.
_GROWS_EVERY = 0.1

_CUT = (
    "The server ended TLS without its close, as some always do: whether something is missing at the "
    "end cannot be told."
)


class PageFetch:
    """A page that is loading. `wait_for_page()` waits for all of it, `page_so_far()` returns the part
    received so far, `lines()` yields its lines as they arrive.

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
        way = way_to_show(url)
        self.url = url
        self.charset = charset
        self._options = options
        self._kind: AnswerKind = way if way in ("menu", "text") else "binary"
        self._limits = limits
        self._answer: AsyncAnswer | None = None
        self._content = Content(self._kind, limits)
        # Bytes of a text from which no lines are made yet, and of all of it.
        self._rest = bytearray()
        self._size = 0
        self._was_stuffed = False
        self._more = asyncio.Event()
        self._began = time.monotonic()
        self._coming: asyncio.Task[Page] | None = None

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

    async def arrivals(self) -> AsyncIterator[None]:
        """Yield whenever `lines` may have more, until the page is complete."""
        coming = self.start_request()
        while not coming.done():
            self._more.clear()
            yield
            await asyncio.wait((coming,), timeout=_GROWS_EVERY)
            await self._more.wait()

    @property
    def has_lines(self) -> bool:
        """Return true if `lines` has some."""
        return bool(self._content.items) or b"\n" in self._rest

    def lines(self) -> Iterator[DisplayLine | None]:
        """Yield the lines of the content; None if the next has not come yet. They end with the page."""
        if self._kind == "menu":
            at = 0
            while at < len(self._content.items) or not self._is_over:
                if at < len(self._content.items):
                    yield menu_line(self._content.items[at], self.charset)
                    at += 1
                else:
                    yield None
        else:
            yield from source_note(self.url)
            colours = ColourParser()
            for text in self._pieces():
                if text is None:
                    yield None
                else:
                    yield from text_lines(text, colours)

    def has_all_lines_of(self, page: Page) -> bool:
        """Return true if there is no more to show of the whole page than `lines` yields."""
        return is_content_alone(page) and not self._was_stuffed

    @property
    def _is_over(self) -> bool:
        return self._coming is not None and self._coming.done()

    def _pieces(self) -> Iterator[str | None]:
        """Yield whole lines of a text; None if the next have not come yet.

        A line with only a dot waits, because it may be the end.
        """
        rest, decoder = self._rest, PieceDecoder(self.charset)
        while rest or not self._is_over:
            end = end_of_piece(rest)
            last = rest.rfind(b"\n", 0, max(0, end - 1)) + 1
            if self._is_over:
                end = end or len(rest)
            elif rest[last:end].rstrip(b"\r\n") == b".":
                end = last
            piece = bytes(rest[:end])
            del rest[:end]
            is_last = self._is_over and not rest
            yield decoder.decode(piece, last=is_last) if piece else None

    async def _receive_page(self) -> Page:
        note, error = "", None
        try:
            note = await self._receive_answer()
        except LogsrvError as failure:
            error = failure
        except OSError as failure:
            error = ConfigurationError(f"a file cannot be used: {failure}")
        except Exception as failure:
            error = failure_to_show(failure)
        finally:
            self._more.set()
        page = self.page_so_far(error, note)
        if isinstance(page.content, bytes) and self._content.terminated:
            end = terminator_length(bytes(self._rest[-TAIL:]))
            del self._rest[len(self._rest) - end :]
            self._was_stuffed = len(page.content) + end < self._size
        return page

    def page_so_far(self, error: LogsrvError | None, note: str = "") -> Page:
        """Return a page with the part received so far."""
        begun = self._answer is not None and self._answer.begun
        found: MenuContent | bytes | None = None
        if begun or error is None:
            # Without its end, a text has no terminator, and its dots are as they came.
            has_header = error is not None or self._answer is None or self._answer.has_header
            self._content.finish(has_header)
            found = self._content.content
            if self._kind == "menu":
                found = MenuContent(tuple(self._content.items), self._content.dropped)
        return Page(self.url, found, error, note, self.received, self.seconds)

    async def _receive_answer(self) -> str:
        """Receive all of it; return a note about its end."""
        options = self._options()
        limits = self._limits.with_times_of(options.limits)
        options = options.replace(limits=limits, charset=self.charset)
        try:
            note = await self._receive_all(options)
        except GopherError as error:
            if sent_nothing(error):
                await self._raise_if_needs_tls(options)
            raise
        if not self._size:
            await self._raise_if_needs_tls(options)
        return note

    async def _raise_if_needs_tls(self, options: ConnectionOptions) -> None:
        """Raise NeedsTLS if the server sent nothing because it speaks TLS."""
        url = self.url
        if isinstance(url, GopherURL):
            await in_daemon_thread(lambda: raise_if_needs_tls(url, options))

    async def _receive_all(self, options: ConnectionOptions) -> str:
        async with async_answer_of(self.url, options, self._kind) as answer:
            self._answer = answer
            async for chunk in answer:
                self._size += len(chunk)
                if self._kind == "text":
                    self._rest += chunk
                is_over = self._content.feed(chunk)
                self._more.set()
                if is_over:
                    break
        return _CUT if answer.cut else ""
