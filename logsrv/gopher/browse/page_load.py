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
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.text import decode_text
from logsrv.kit.text.escape import one_line

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
        way = way_to_show(url)
        self.url = url
        self._options = options
        self._kind: AnswerKind = way if way in ("menu", "text") else "binary"
        self._limits = limits
        self._charset = charset
        self._answer: AsyncAnswer | None = None
        self._content = Content(self._kind, limits)
        # The lines that can be shown already, and the bytes of a text from which none are made yet.
        self._lines: list[PageLine] = []
        self._rest = bytearray()
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

    async def growing_lines(self) -> AsyncIterator[list[PageLine]]:
        """Yield the lines of a menu or a text each time there are more to show, until the page is complete.

        Each time these are all lines so far.
        """
        coming, known = self.start_request(), 0
        while not coming.done():
            self._more.clear()
            try:
                while self._make_more_lines():
                    await asyncio.sleep(0)
            except Exception:  # the lines of the whole page say it
                return
            if len(self._lines) > known:
                known = len(self._lines)
                yield self._lines
                await asyncio.wait((coming,), timeout=_GROWS_EVERY)
            else:
                await self._more.wait()

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
        return self.page_so_far(error, note)

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

    def _make_more_lines(self) -> bool:
        """Add the next lines received; return true if there may be more to add.

        Only whole lines of a text are added. A line with only a dot waits, because it may be the end.
        """
        if self._kind == "menu":
            known = len(self._lines)
            items = self._content.items[known : known + ITEMS]
            self._lines += [menu_line(item, self._charset) for item in items]
            return bool(items)
        rest = self._rest
        end = rest.rfind(b"\n", 0, LONGEST) + 1 or rest.find(b"\n", LONGEST) + 1
        last = rest.rfind(b"\n", 0, max(0, end - 1)) + 1
        if rest[last:end].rstrip(b"\r\n") == b".":
            end = last
        fresh = bytes(rest[:end])
        del rest[:end]
        if b"\0" not in fresh:
            self._lines += text_lines(decode_text(fresh, self._charset)) if fresh else ()
        return bool(fresh)

    async def _receive_answer(self) -> str:
        """Receive all of it; return a note about its end."""
        options = self._options()
        limits = self._limits.with_times_of(options.limits)
        options = options.replace(limits=limits, charset=self._charset)
        async with async_answer_of(self.url, options, self._kind) as answer:
            self._answer = answer
            async for chunk in answer:
                if self._kind == "text":
                    self._rest += chunk
                is_over = self._content.feed(chunk)
                self._more.set()
                if is_over:
                    break
        return _CUT if answer.cut else ""


def failure_to_show(failure: Exception) -> LogsrvError:
    """Return the sentence about a defect of ours: it ends the page, not the browser."""
    said = one_line(f"{type(failure).__name__}: {failure}", 300)
    return LogsrvError(f"the browser has failed here, which is a defect of it ({said})")
