"""The body of an answer of a node, piece by piece, line by line, bounded in time and size."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator

from logsrv.errors import LogsrvError

# Seconds of waiting for a whole answer: that of one span is short, and a node may send it byte by byte.
LONGEST = 600.0
# Daemons send shorter ones: a message of 1 MiB, escaped, and its fields.
LONGEST_LINE = 32 << 20
_PIECE = 1 << 16


class NodeFailure(LogsrvError):
    """A node that does not answer as it should; the text says why, as the end of a sentence.

    status: of the answer, if there was one.
    """

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


def pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the body of an answer as it comes. Raises NodeFailure if it comes too slowly, or not all."""
    # Not `readline`: for it, an answer that is cut off between two chunks is whole.
    left = response.length
    waited = 0.0
    while left is None or left > 0:
        begin = time.monotonic()
        data = response.read1(_PIECE if left is None else min(left, _PIECE))
        waited += time.monotonic() - begin
        if not data and left is None:
            return
        if not data:
            raise NodeFailure("its answer broke off")
        if left is not None:
            left -= len(data)
        yield data
        if waited > LONGEST:
            raise NodeFailure(f"its answer takes longer than {LONGEST:g} s")


def lines_of(body: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of a body, without LF. Raises NodeFailure for one without an end."""
    begun: list[bytes] = []
    size = 0
    for piece in body:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield b"".join((*begun, line))
            begun.clear()
            size = 0
        begun.append(rest)
        size += len(rest)
        if size > LONGEST_LINE:
            raise NodeFailure(f"it answers with a line longer than {LONGEST_LINE >> 20} MiB")
    if size:
        raise NodeFailure("its answer broke off")


def body_of(response: http.client.HTTPResponse, largest: int) -> bytes:
    """Return the whole body. Raises NodeFailure."""
    found = bytearray()
    for piece in pieces(response):
        found += piece
        if len(found) > largest:
            raise NodeFailure(f"its answer is larger than {largest >> 20} MiB")
    return bytes(found)
