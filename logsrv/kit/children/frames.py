"""Messages between a service and its child process: 8 bytes with the size of the message, then the message
(no I/O).
"""

from __future__ import annotations

from collections.abc import Iterator

SIZE = 8
"""The length of the size before a message, in bytes; the size is big-endian."""


def frame_parts(*parts: bytes | bytearray) -> Iterator[bytes | bytearray]:
    """Yield the bytes of a message for the pipe: first its size, then its parts."""
    yield sum(map(len, parts)).to_bytes(SIZE, "big")
    yield from parts


class MessageReader:
    """Splits the bytes of a pipe into messages. Their pieces are not joined: a message may have 256 MiB.

    size: of the message that has begun to come, 0 if there is none.
    """

    def __init__(self) -> None:
        self.size = 0
        self._head = b""
        self._pieces: list[bytes] = []
        self._missing = 0

    def receive(self, data: bytes) -> Iterator[list[bytes]]:
        """Take the next bytes of the pipe, which may be split anywhere; yield the pieces of each message
        that is now complete.
        """
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
                self.size = self._missing = int.from_bytes(self._head, "big")
                self._head = b""
            if not self._missing:
                self.size = 0
                whole, self._pieces = self._pieces, []
                yield whole
