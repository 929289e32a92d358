"""Frames of bytes: how they are marked on the wire, and framers that take them out of chunks cut anywhere.

A `Framing` says how; its `framer` is for the bytes of one connection, its `pack` for what is sent. A
framer never keeps more than one unfinished frame, and refuses one that says it is too long before any
of it is kept.
"""

from __future__ import annotations

import re
import struct
from typing import Literal, Protocol

import attrs

# A varint of 64 bits.
LONGEST_VARINT = 10
# A number without leading zeros, and its colon when that is there.
NETSTRING_LENGTH = re.compile(rb"(0|[1-9][0-9]*)(:?)")
# Formats of struct for the sizes that a length may have.
FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}
TOO_LONG = "a frame is longer than {} bytes"


class FrameError(ValueError):
    """An error: the bytes are no frame, or one that is too long. Its text says why."""


class Framing(Protocol):
    """The way in which frames are marked on the wire: a `LengthPrefix`, say."""

    def framer(self, max_frame: int) -> Framer:
        """Return a framer for the bytes of one connection, of frames of at most so many bytes."""

    def pack(self, frame: bytes) -> bytes:
        """Return a frame as it is sent. Raises ValueError for one that cannot be marked so."""


class Framer:
    """The frames of one connection's bytes.

    trouble: a sentence on why nothing is taken any more, "" while all is well.
    """

    __slots__ = ("_held", "_most", "_wanted", "trouble")

    def __init__(self, most: int) -> None:
        self.trouble = ""
        self._most = most
        # The beginning of a frame, which is looked at again when so many bytes are there.
        self._held = bytearray()
        self._wanted = 0

    @property
    def held(self) -> int:
        """Return how many bytes wait for the rest of their frame."""
        return len(self._held)

    def receive(self, data: bytes) -> list[bytes]:
        """Return the frames that are complete now, those before a `trouble` included."""
        if self.trouble:
            return []
        held = self._held
        if held:
            if len(held) + len(data) < self._wanted:
                held += data
                return []
            data = b"".join((held, data))
            held.clear()
        frames: list[bytes] = []
        end = self._cut(data, frames)
        if end < len(data) and not self.trouble:
            held += memoryview(data)[end:]
        return frames

    def _cut(self, data: bytes, frames: list[bytes]) -> int:
        """Append the frames that are whole. Return where the unfinished one begins, and set `_wanted`."""
        raise NotImplementedError


class CuttingFraming:
    """A framing that cuts frames out of all that is there."""

    def framer(self, max_frame: int) -> Framer:
        return _CuttingFramer(self, max_frame)

    def cut(self, data: bytes, frames: list[bytes], most: int) -> tuple[int, int]:
        """Append the frames that are whole to `frames`.

        Return where the unfinished one begins, and of how many bytes it is worth looking at again.
        Raises FrameError for what is no frame, or has more than `most` bytes.
        """
        raise NotImplementedError


class _CuttingFramer(Framer):
    __slots__ = ("_framing",)

    def __init__(self, framing: CuttingFraming, most: int) -> None:
        super().__init__(most)
        self._framing = framing

    def _cut(self, data: bytes, frames: list[bytes]) -> int:
        try:
            end, self._wanted = self._framing.cut(data, frames, self._most)
        except FrameError as error:
            self.trouble = str(error)
            return 0
        return end


@attrs.frozen
class LengthPrefix(CuttingFraming):
    """A length before each frame. Raises ValueError for a size or order that there is not.

    size: bytes of the length: 1, 2, 4 or 8. order: "big" (network order) or "little".
    """

    size: int = 4
    order: Literal["big", "little"] = "big"

    def __attrs_post_init__(self) -> None:
        if self.size not in FORMATS:
            raise ValueError(f"the size of a length is 1, 2, 4 or 8 bytes, not {self.size!r}")
        if self.order not in ("big", "little"):
            raise ValueError(f'the order of a length is "big" or "little", not {self.order!r}')

    def pack(self, frame: bytes) -> bytes:
        try:
            return _STRUCTS[self.size, self.order].pack(len(frame)) + frame
        except struct.error:
            raise ValueError(
                f"a frame of {len(frame)} bytes is too long for a length of size {self.size}"
            ) from None

    def cut(self, data: bytes, frames: list[bytes], most: int) -> tuple[int, int]:
        unpack, size = _STRUCTS[self.size, self.order].unpack_from, self.size
        append, at, end = frames.append, 0, len(data)
        begin = size
        while begin <= end:
            (length,) = unpack(data, at)
            if length > most:
                raise FrameError(f"a frame of {length} bytes is longer than {most} bytes")
            stop = begin + length
            if stop > end:
                return at, stop - at
            append(data[begin:stop])
            at = stop
            begin = stop + size
        return at, size


_STRUCTS = {
    (size, order): struct.Struct(mark + FORMATS[size])
    for size in FORMATS
    for order, mark in (("big", ">"), ("little", "<"))
}


@attrs.frozen
class Varint(CuttingFraming):
    """A length before each frame, seven bits in a byte, the lowest first, as Protocol Buffers have it."""

    def pack(self, frame: bytes) -> bytes:
        length, prefix = len(frame), bytearray()
        while length > 0x7F:
            prefix.append(length & 0x7F | 0x80)
            length >>= 7
        prefix.append(length)
        return bytes(prefix) + frame

    def cut(self, data: bytes, frames: list[bytes], most: int) -> tuple[int, int]:
        at, end = 0, len(data)
        while at < end:
            length, begin = 0, at
            while begin < end:
                byte = data[begin]
                length |= (byte & 0x7F) << 7 * (begin - at)
                begin += 1
                if length > most or byte <= 0x7F or begin - at == LONGEST_VARINT:
                    break
            if length > most:
                raise FrameError(TOO_LONG.format(most))
            if byte > 0x7F:
                if begin - at == LONGEST_VARINT:
                    raise FrameError(f"a length has more than {LONGEST_VARINT} bytes")
                break
            stop = begin + length
            if stop > end:
                return at, stop - at
            frames.append(data[begin:stop])
            at = stop
        return at, end - at + 1


@attrs.frozen
class Netstring(CuttingFraming):
    """A length in decimal digits and a colon before each frame, a comma behind it: `5:hello,`."""

    def pack(self, frame: bytes) -> bytes:
        return b"%d:%b," % (len(frame), frame)

    def cut(self, data: bytes, frames: list[bytes], most: int) -> tuple[int, int]:
        at, end, longest = 0, len(data), len(str(most)) + 2
        while at < end:
            found = NETSTRING_LENGTH.match(data, at, at + longest)
            length = int(found[1]) if found else 0
            if length > most:
                raise FrameError(TOO_LONG.format(most))
            if found is None or (not found[2] and found.end() < end):
                raise FrameError("what begins here is no netstring")
            if not found[2]:
                break
            begin = found.end()
            stop = begin + length
            if stop >= end:
                return at, stop + 1 - at
            if data[stop] != 0x2C:
                raise FrameError("there is no comma behind a netstring")
            frames.append(data[begin:stop])
            at = stop + 1
        return at, end - at + 1


@attrs.frozen
class Delimiter(CuttingFraming):
    """Bytes behind each frame, which are in none. Raises ValueError if there are none."""

    delimiter: bytes = b"\0"

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.delimiter, bytes) or not self.delimiter:
            raise ValueError(f"a delimiter is one byte or more, not {self.delimiter!r}")

    def framer(self, max_frame: int) -> Framer:
        return _DelimiterFramer(self, max_frame)

    def pack(self, frame: bytes) -> bytes:
        data = frame + self.delimiter
        if data.find(self.delimiter) < len(frame):
            raise ValueError(f"a frame has the delimiter {self.delimiter!r} in it")
        return data

    def cut(self, data: bytes, frames: list[bytes], most: int) -> tuple[int, int]:
        found = data.split(self.delimiter)
        last = found.pop()
        good = len(found)
        if len(data) > most:
            good = next((n for n, frame in enumerate(found) if len(frame) > most), good)
        frames += found[:good]
        if good < len(found):
            raise FrameError(TOO_LONG.format(most))
        self.check(len(last), most)
        return len(data) - len(last), 0

    def check(self, unfinished: int, most: int) -> None:
        """Raise FrameError if so many bytes of an unfinished frame are too many.

        The last of them may be the beginning of a delimiter.
        """
        if unfinished - len(self.delimiter) + 1 > most:
            raise FrameError(TOO_LONG.format(most))


class _DelimiterFramer(_CuttingFramer):
    __slots__ = ()
    _framing: Delimiter

    def receive(self, data: bytes) -> list[bytes]:
        # The bytes that are held have no delimiter in them, so only new ones are searched.
        held, delimiter = self._held, self._framing.delimiter
        if held and not self.trouble:
            tail = bytes(held[-(len(delimiter) - 1) :]) if len(delimiter) > 1 else b""
            if delimiter not in tail + data:
                held += data
                try:
                    self._framing.check(len(held), self._most)
                except FrameError as error:
                    self.trouble = str(error)
                    held.clear()
                return []
        return super().receive(data)


@attrs.frozen
class FixedSize(CuttingFraming):
    """Frames of one size, with nothing between them. Raises ValueError for less than a byte."""

    size: int

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < 1:
            raise ValueError(f"the size of a frame is one byte or more, not {self.size!r}")

    def pack(self, frame: bytes) -> bytes:
        data = b"" + frame
        if len(data) != self.size:
            raise ValueError(f"a frame has {self.size} bytes, not {len(data)}")
        return data

    def cut(self, data: bytes, frames: list[bytes], most: int) -> tuple[int, int]:
        size = self.size
        end = len(data) - len(data) % size
        frames += [data[at : at + size] for at in range(0, end, size)]
        return end, size
