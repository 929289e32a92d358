"""Answers without a server, for the tests of what becomes of them."""

from collections.abc import Iterable, Iterator
from typing import Any

from logsrv.gopher.serve.fileurl import FileURL
from logsrv.gopher.serve.gopherhole import LocalAnswer


class Answer(LocalAnswer):
    """Chunks, and the error that ends them. stuffed: whether it came without a header of Gopher+."""

    def __init__(
        self, chunks: Iterable[Any], error: BaseException | None = None, stuffed: bool = False
    ) -> None:
        super().__init__(FileURL(b"/"))
        self.has_header = not stuffed
        self._chunks = chunks
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._error is not None:
            raise self._error
