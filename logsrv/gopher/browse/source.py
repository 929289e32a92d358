"""The bytes of an answer, from a server or from this machine, as the browser takes them."""

from __future__ import annotations

from typing import Any, Protocol, Self

from logsrv.gopher.browse.aside import aside
from logsrv.gopher.fetch.on_asyncio import Answer
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.local.answer import LocalAnswer
from logsrv.gopher.local.fileurl import FileURL, ItemURL


class Source(Protocol):
    """An answer: `async with` it, and iterate. received: bytes that came; begun: whether there is content.

    length: in bytes, where that is known. stuffed: whether a text may have a terminator and doubled
    dots. cut: whether TLS ended without its close.
    """

    @property
    def received(self) -> int: ...
    @property
    def begun(self) -> bool: ...
    @property
    def length(self) -> int | None: ...
    @property
    def stuffed(self) -> bool: ...
    @property
    def cut(self) -> bool: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> bytes: ...


class FromDisk:
    """A local item, read in a thread: a disk may sleep, and a directory have many files."""

    stuffed = False
    cut = False

    def __init__(self, url: FileURL, most_bytes: int | None) -> None:
        self._answer = LocalAnswer(url, most_bytes)
        self._pieces = iter(self._answer)

    @property
    def received(self) -> int:
        """Return how many bytes were read."""
        return self._answer.received

    @property
    def begun(self) -> bool:
        """Return true if something was read."""
        return bool(self._answer.received)

    @property
    def length(self) -> int | None:
        """Return the size of a file that is open."""
        return self._answer.length

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        # A thread that still reads has them; the file is closed when nobody has.
        del self._pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        pieces = self._pieces
        piece = await aside(lambda: next(pieces, b""))
        if not piece:
            raise StopAsyncIteration
        return piece


def source_of(
    url: ItemURL, options: ConnectionOptions, most_bytes: int | None = None, **how: Any
) -> Source:
    """Return the answer to `url`, which begins with `async with`; how: what `Answer` takes."""
    if isinstance(url, FileURL):
        return FromDisk(url, most_bytes)
    return Answer(url, options, most_bytes=most_bytes, **how)
