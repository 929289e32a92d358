"""Answers on asyncio's loop, on which the browser runs: from a server, or from a disk, read in a thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Self, TypeVar

from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.local import LocalAnswer
from logsrv.gopher.fetch.stream import AwaitedStream
from logsrv.gopher.fetch.transfers import LOOK_AT_CLOCKS, Transfers
from logsrv.gopher.wire.fileurl import FileURL, ItemURL
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.url import GopherURL

Result = TypeVar("Result")


class AsyncioStream(AwaitedStream):
    """A stream: `async with AsyncioStream(url, options) as answer: async for piece in answer: …`

    Leaving `async with` closes the socket at once. Raises GopherError; ConfigurationError and OSError for
    files of certificates and pins.
    """

    def __init__(
        self, url: GopherURL, options: ConnectionOptions, kind: AnswerKind | None = None
    ) -> None:
        """kind: see `Transfer`."""
        super().__init__(Transfers(options, time.monotonic), url, kind)
        self._changed = asyncio.Event()
        self.wake = self._changed.set

    async def __aenter__(self) -> AsyncioStream:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._transfers.fileno(), self._transfers.run_round, 0)
        self._check_timeouts()
        return self

    async def __aexit__(self, *error: object) -> None:
        asyncio.get_running_loop().remove_reader(self._transfers.fileno())
        self._timer.cancel()
        self._transfers.close()

    async def __anext__(self) -> bytes:
        piece = await super().__anext__()
        # Otherwise a fast server would keep the loop from updating the screen.
        await asyncio.sleep(0)
        return piece

    async def wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _check_timeouts(self) -> None:
        self._transfers.run_round(0)
        self._timer = asyncio.get_running_loop().call_later(LOOK_AT_CLOCKS, self._check_timeouts)


async def in_daemon_thread(work: Callable[[], Result]) -> Result:
    """Run work on a disk, which may never end, in a daemon thread; return its result, or raise its error.

    Not by `asyncio.to_thread`: at the end asyncio waits for such threads, and a directory on a file server
    that is down would keep the browser, and its terminal, for ever.
    """
    done: Future[Result] = Future()
    # Cancelling the future fails from now on, so that the thread can always set a result.
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(result)

    threading.Thread(target=run, name="disk", daemon=True).start()
    return await asyncio.wrap_future(done)


class AsyncLocalAnswer(LocalAnswer):
    """A local item with the interface of an `AsyncioStream`, read in a thread: a disk may be slow."""

    cut = False

    def __init__(self, url: FileURL, most_bytes: int | None) -> None:
        super().__init__(url, most_bytes)
        self._unread = iter(self)

    @property
    def begun(self) -> bool:
        """Return true if any bytes were read."""
        return bool(self.received)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        # A thread may still be reading: the file is closed when that thread drops the iterator, too.
        del self._unread

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        unread = self._unread
        piece = await in_daemon_thread(lambda: next(unread, b""))
        if not piece:
            raise StopAsyncIteration
        return piece


AsyncAnswer = AsyncioStream | AsyncLocalAnswer


def async_answer_of(
    url: ItemURL, options: ConnectionOptions, kind: AnswerKind | None = None
) -> AsyncAnswer:
    """Return the answer to `url`; `async with` sends the request. kind: see `Transfer`."""
    if isinstance(url, FileURL):
        return AsyncLocalAnswer(url, options.limits.most_bytes(kind))
    return AsyncioStream(url, options, kind)
