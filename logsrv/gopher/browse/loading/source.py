"""The bytes of an answer, from a server or from this machine, as the browser takes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self, TypeVar

from logsrv.gopher.fetch.on_asyncio import AsyncioStream
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.local.answer import LocalAnswer
from logsrv.gopher.local.fileurl import FileURL, ItemURL

Result = TypeVar("Result")


async def aside(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises: disk work that may never end, in a thread that
    nothing waits for.

    `asyncio.to_thread` would make the loop wait for it when all else has ended: a directory of a server
    that is gone would keep the browser, and its terminal, for ever.
    """
    done: Future[Result] = Future()
    # Work that runs cannot be cancelled; a result that nobody waits for is dropped.
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


class FromDisk(LocalAnswer):
    """A local item like an `AsyncioStream`, read in a thread: a disk may sleep."""

    cut = False

    def __init__(self, url: FileURL, most_bytes: int | None) -> None:
        super().__init__(url, most_bytes)
        self._unread = iter(self)

    @property
    def begun(self) -> bool:
        """Return true if something was read."""
        return bool(self.received)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        # A thread may still read; the file is closed when it drops the iterator, too.
        del self._unread

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        unread = self._unread
        piece = await aside(lambda: next(unread, b""))
        if not piece:
            raise StopAsyncIteration
        return piece


Source = AsyncioStream | FromDisk


def source_of(
    url: ItemURL, options: ConnectionOptions, most_bytes: int | None = None, **how: Any
) -> Source:
    """Return the answer to `url`, which begins with `async with`; how: what `AsyncioStream` takes."""
    if isinstance(url, FileURL):
        return FromDisk(url, most_bytes)
    return AsyncioStream(url, options, most_bytes=most_bytes, **how)
