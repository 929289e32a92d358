"""Messages between a service and a process of its own: each its size, in 8 bytes, and so many (no I/O)."""

from __future__ import annotations

from collections.abc import Iterator

SIZE = 8
"""Bytes of a size, the most significant first."""


def frame(*parts: bytes) -> Iterator[bytes]:
    """Yield a message as it goes through a pipe: its size, and its parts."""
    yield sum(map(len, parts)).to_bytes(SIZE, "big")
    yield from parts


class MessageReader:
    """Messages as a pipe gives them, each in pieces: not joined, as there may be 256 MiB of them."""

    def __init__(self) -> None:
        self._head = b""
        self._pieces: list[bytes] = []
        self._missing = 0

    def receive(self, data: bytes) -> Iterator[list[bytes]]:
        """Take bytes that are cut anywhere; yield the pieces of each message that is whole now."""
        while data:
            if self._missing:
                self._pieces.append(data[: self._missing])
                data = data[self._missing :]
                self._missing -= len(self._pieces[-1])
            else:
                wanted = SIZE - len(self._head)
                self._head, data = self._head + data[:wanted], data[wanted:]
                if len(self._head) < SIZE:
                    return
                self._missing, self._head = int.from_bytes(self._head, "big"), b""
            if not self._missing:
                whole, self._pieces = self._pieces, []
                yield whole
