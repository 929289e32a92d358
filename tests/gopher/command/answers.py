"""Answers without a server, for the tests of what becomes of them."""

import io
import re
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from logsrv.gopher.command.main import run
from logsrv.gopher.fetch.local import LocalAnswer
from logsrv.gopher.wire.fileurl import FileURL


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


MENU = b"iHi\t\tnull\t1\r\n0About\t/about\t127.0.0.1\t70\r\n.\r\n"


EVIL = b"\x1b]0;owned\a\x1b[2J\xc2\x9b31m\xe2\x80\xae\x00\x7f"


def hang(connection: socket.socket, _: bytes) -> None:
    """Until the client has had enough."""
    connection.recv(1)


def gopher(*words: str) -> tuple[int, bytes, str]:
    out, err = io.BytesIO(), io.StringIO()
    status = run(words, out, err)
    return status, out.getvalue(), err.getvalue()


# All that a terminal may be sent: LF, TAB, and no other control character, C1 included.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
