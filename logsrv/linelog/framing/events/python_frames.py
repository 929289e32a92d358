"""Split the stream of Python's SocketHandler into pickles by their lengths; skip long ones (sans-IO)."""

from __future__ import annotations

import struct

from logsrv.kit.framing.frames import Framer

_LENGTH = struct.Struct(">I")


class PickleFramer(Framer):
    """The framer of one connection.

    A pickle longer than `most` bytes is skipped, and the next one is found. A length above `longest` bytes
    cannot be real, and sets `fault`.
    passed_over: number of skipped pickles so far.
    """

    __slots__ = ("_longest", "_to_skip", "passed_over")

    def __init__(self, most: int, longest: int) -> None:
        super().__init__(most)
        self.passed_over = 0
        self._longest = max(most, longest)
        # Bytes still to come of a skipped pickle.
        self._to_skip = 0

    def receive(self, data: bytes) -> list[bytes]:
        if self._to_skip:
            part = data[: self._to_skip]
            self._to_skip -= len(part)
            data = data[len(part) :]
        return super().receive(data) if data else []

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        at, end = 0, len(data)
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            begin = at + _LENGTH.size
            stop = begin + length
            if length > self._longest:
                self.fault = f"a frame of {length} bytes is longer than {self._longest} bytes"
                return at
            if length > self._most:
                self.passed_over += 1
                self._to_skip = max(0, stop - end)
                at = min(stop, end)
                continue
            if stop > end:
                self._wanted = stop - at
                return at
            frames.append(data[begin:stop])
            at = stop
        self._wanted = _LENGTH.size
        return at
