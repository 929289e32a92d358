"""Pickles with their lengths, as SocketHandler sends them; one too long is passed over (sans-IO)."""

from __future__ import annotations

import struct

from logsrv.kit.framing.frames import Framer

_LENGTH = struct.Struct(">I")


class PickleFramer(Framer):
    """The pickles of one connection's bytes.

    passed_over: how many there were so far with more than `most` bytes; those behind them are found. What
    says that it has more than `longest` is no length: `trouble`.
    """

    __slots__ = ("_left", "_longest", "passed_over")

    def __init__(self, most: int, longest: int) -> None:
        super().__init__(most)
        self.passed_over = 0
        self._longest = max(most, longest)
        # Bytes of one that are still to come, and not kept.
        self._left = 0

    def receive(self, data: bytes) -> list[bytes]:
        if self._left:
            part = data[: self._left]
            self._left -= len(part)
            data = data[len(part) :]
        return super().receive(data) if data else []

    def _cut(self, data: bytes, frames: list[bytes]) -> int:
        at, end = 0, len(data)
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            begin = at + _LENGTH.size
            stop = begin + length
            if length > self._longest:
                self.trouble = f"a frame of {length} bytes is longer than {self._longest} bytes"
                return at
            if length > self._most:
                self.passed_over += 1
                self._left = max(0, stop - end)
                at = min(stop, end)
                continue
            if stop > end:
                self._wanted = stop - at
                return at
            frames.append(data[begin:stop])
            at = stop
        self._wanted = _LENGTH.size
        return at
