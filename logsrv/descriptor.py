"""A file descriptor that `with` closes, and reading in pieces; small, as each search loads it first."""

from __future__ import annotations

import os
from collections.abc import Iterator

PIECE = 1 << 20
"""The bytes of a file that are in memory at a time, unless a caller says otherwise."""


class Descriptor:
    """An open file descriptor; the end of `with` closes it, also after an error."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def pieces_between(fd: int, at: int, end: int, size: int = PIECE) -> Iterator[bytes]:
    """Yield the bytes of an open file between two offsets in pieces; fewer if the file is shorter."""
    while at < end and (piece := os.pread(fd, min(size, end - at), at)):
        yield piece
        at += len(piece)
