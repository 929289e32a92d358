"""The bytes of an answer, from a server or from this machine, as the browser takes them."""

from __future__ import annotations

from typing import Any, Self

from logsrv.gopher.browse.loading.aside import aside
from logsrv.gopher.fetch.on_asyncio import AsyncioStream
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.local.answer import LocalAnswer
from logsrv.gopher.local.fileurl import FileURL, ItemURL


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
