"""A piece of a text: whole lines as arrays, in which NumPy searches for many queries at once.

Pieces are small enough for the processor's cache; the arrays take eight times the piece's size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy

from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.stamps import StampedLines

U8 = numpy.uint8

SIZE = 1 << 18
"""Bytes of a piece. A longer line is a piece of its own."""
PAD = 64
"""Zeros after a piece, so that a comparison may begin at any byte of the piece."""


class LineSpans(Sequence[tuple[int, int]]):
    """Starts and ends of lines, kept as arrays: counting a million lines makes no object for each line."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, starts: Array, ends: Array) -> None:
        self._starts = starts
        self._ends = ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, at: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, at: slice) -> LineSpans: ...
    def __getitem__(self, at: int | slice) -> tuple[int, int] | LineSpans:
        if isinstance(at, slice):
            return LineSpans(self._starts[at], self._ends[at])
        return int(self._starts[at]), int(self._ends[at])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts.tolist(), self._ends.tolist(), strict=True)


class TextPiece:
    """The lines of `text[begin:end]`; places in it count from `begin`."""

    def __init__(self, text: bytes, begin: int, end: int) -> None:
        self.text = text
        self.begin = begin
        self.size = end - begin
        lines = text[begin:end]
        self.raw: Array = numpy.zeros(self.size + PAD, U8)
        """The piece's bytes, and PAD zeros after them."""
        self.raw[: self.size] = numpy.frombuffer(lines, U8)
        stamps = self.stamps = StampedLines(lines if lines.endswith(b"\n") else lines + b"\n")
        self.starts = stamps.starts
        self.ends = stamps.ends
        self.messages = stamps.messages
        """The offset of each line's message: after the stamp, if the line has one."""

    def eight_byte_words(self) -> Array:
        """Return the eight bytes from each offset on, as little-endian numbers."""
        return numpy.ndarray((self.size + PAD - 7,), "<u8", self.raw.data, strides=(1,))

    def line_numbers_at(self, places: Array) -> Array:
        """Return the numbers of the lines that contain these offsets."""
        found: Array = numpy.searchsorted(self.ends, places)
        return found

    def spans(self, lines: Array) -> LineSpans:
        """Return starts and ends of these lines as offsets in the whole text."""
        return LineSpans(self.starts[lines] + self.begin, self.ends[lines] + self.begin)


def pieces_of_text(text: bytes) -> Iterator[TextPiece]:
    begin = 0
    while begin < len(text):
        end = text.rfind(b"\n", begin, begin + SIZE) + 1
        end = end or text.find(b"\n", begin + SIZE) + 1 or len(text)
        if begin + SIZE >= len(text):
            end = len(text)
        yield TextPiece(text, begin, end)
        begin = end
