"""A piece of a text: whole lines as arrays, in which NumPy finds what many queries look for.

A text is gone through in pieces that stay in the cache of a processor: its arrays are eight times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy

from logsrv.linelog.fields.stamp import TIME_LENGTH

Array = numpy.ndarray[Any, Any]
U8 = numpy.uint8

SIZE = 1 << 18
"""Bytes of a piece, or those of one line that is longer."""
PAD = 64
"""Zeros behind a piece, so that what is compared may begin at any byte of it."""
_LF, _SPACE = 0x0A, 0x20
# The least and the largest byte at each place of `2026-11-20T06:18:42.123456Z `.
_LEAST: Array = numpy.frombuffer(b"0000-00-00T00:00:00.000000Z ", U8)
_SPREAD: Array = (ord("0") == _LEAST) * U8(9)


class Spans(Sequence[tuple[int, int]]):
    """Starts and ends of lines, kept as arrays: a flood is counted without an object for each line."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, starts: Array, ends: Array) -> None:
        self._starts = starts
        self._ends = ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, at: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, at: slice) -> Spans: ...
    def __getitem__(self, at: int | slice) -> tuple[int, int] | Spans:
        if isinstance(at, slice):
            return Spans(self._starts[at], self._ends[at])
        return int(self._starts[at]), int(self._ends[at])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts.tolist(), self._ends.tolist(), strict=True)


class Piece:
    """The lines of `text[begin:end]`; places in it count from `begin`."""

    def __init__(self, text: bytes, begin: int, end: int) -> None:
        self.text = text
        self.begin = begin
        self.size = end - begin
        self.raw: Array = numpy.zeros(self.size + PAD, U8)
        """Its bytes, and PAD zeros."""
        self.raw[: self.size] = numpy.frombuffer(text, U8, self.size, begin)
        ends = numpy.flatnonzero(self.raw == _LF)
        if text[end - 1] != _LF:
            ends = numpy.append(ends, self.size)
        self.ends: Array = ends
        self.starts: Array = numpy.append(0, ends[:-1] + 1)
        self._messages: Array | None = None

    def eights(self) -> Array:
        """Return the eight bytes at each place, as little-endian numbers."""
        return numpy.ndarray((self.size + PAD - 7,), "<u8", self.raw.data, strides=(1,))

    def lines_of(self, places: Array) -> Array:
        """Return the numbers of the lines in which these places are."""
        found: Array = numpy.searchsorted(self.ends, places)
        return found

    def messages(self) -> Array:
        """Return where the message of each line begins: behind the stamp, if it has one."""
        if self._messages is None:
            stamps = self.raw[numpy.minimum(self.starts, self.size)[:, None] + range(TIME_LENGTH)]
            has_time = ((stamps - _LEAST) <= _SPREAD).all(1)
            spaces = numpy.append(numpy.flatnonzero(self.raw == _SPACE), self.size)
            source = self.starts + TIME_LENGTH
            following = spaces[numpy.minimum(numpy.searchsorted(spaces, source), len(spaces) - 1)]
            has_stamp = has_time & (following > source) & (following < self.ends)
            self._messages = numpy.where(has_stamp, following + 1, self.starts)
        return self._messages

    def spans(self, lines: Array) -> Spans:
        """Return where in the text these lines begin and end."""
        return Spans(self.starts[lines] + self.begin, self.ends[lines] + self.begin)


def pieces(text: bytes) -> Iterator[Piece]:
    """Yield a text in pieces."""
    begin = 0
    while begin < len(text):
        end = text.rfind(b"\n", begin, begin + SIZE) + 1
        end = end or text.find(b"\n", begin + SIZE) + 1 or len(text)
        if begin + SIZE >= len(text):
            end = len(text)
        yield Piece(text, begin, end)
        begin = end
