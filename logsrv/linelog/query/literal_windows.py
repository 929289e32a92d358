"""Many literals found in a piece of text by their windows: the time hardly grows with their number.

A window is four bytes of a literal, or two or one of a shorter literal. A table marks the windows of all
literals. One pass looks up each offset of the text in the table; only at a mark the literal is compared.
Windows are in small letters, so one table serves literals with and without case.

A text is searched in pieces small enough for the processor's cache; a piece's arrays take eight times its
size. (1 MiB: 2 ms for up to some thousand literals; a search for one literal takes at least 0.1 ms.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import overload

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.query.text_search.literals import Literal

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
    """The lines of `text[begin:end]`; offsets in it count from `begin`. first_lines: of all its lines."""

    def __init__(
        self, text: bytes, begin: int, end: int, first_lines: FirstLines = NO_FIRST_LINES
    ) -> None:
        self.text = text
        self.begin = begin
        self.size = end - begin
        lines = text[begin:end]
        self.raw: Array = numpy.zeros(self.size + PAD, U8)
        """The piece's bytes, and PAD zeros after them."""
        self.raw[: self.size] = numpy.frombuffer(lines, U8)
        within = {
            start - begin: line for start, line in first_lines.items() if begin <= start < end
        }
        ended = lines if lines.endswith(b"\n") else lines + b"\n"
        stamps = self.stamps = StampedLines(ended, within)
        self.starts = stamps.starts
        self.ends = stamps.ends
        self.messages = stamps.messages
        """The offset of each line's message: after the stamp, if the line has one."""

    def eight_byte_words(self) -> Array:
        """Return the eight bytes from each offset on, as little-endian numbers."""
        return numpy.ndarray((self.size + PAD - 7,), "<u8", self.raw.data, strides=(1,))

    def line_numbers_at(self, offsets: Array) -> Array:
        """Return the numbers of the lines that contain these offsets."""
        found: Array = numpy.searchsorted(self.ends, offsets)
        return found

    def spans(self, lines: Array) -> LineSpans:
        """Return starts and ends of these lines as offsets in the whole text."""
        return LineSpans(self.starts[lines] + self.begin, self.ends[lines] + self.begin)


def pieces_of_text(text: bytes, first_lines: FirstLines = NO_FIRST_LINES) -> Iterator[TextPiece]:
    """Yield the lines of a text in pieces. first_lines: of its continuation lines."""
    begin = 0
    while begin < len(text):
        end = text.rfind(b"\n", begin, begin + SIZE) + 1
        end = end or text.find(b"\n", begin + SIZE) + 1 or len(text)
        if begin + SIZE >= len(text):
            end = len(text)
        yield TextPiece(text, begin, end, first_lines)
        begin = end


_CASE = 0x20
_BITS = 17
_MULTIPLIER = numpy.uint32(2654435761)
# The first 32 bytes of all literals are compared at once, as words of eight bytes; longer literals are
# rare.
_WORD = 8
_COMPARED = 4 * _WORD
# Pairs of an offset and a literal that are compared at once.
_MOST_PAIRS = 1 << 18
# Bytes from the most to the least frequent in logs, folded; all others are rarer.
_FREQUENT = b'e 0t1ainosr2c34d5l6798pm.uf-:hbg/"=vyk{}(),wx;zjq'
_RANK = {byte: len(_FREQUENT) - rank for rank, byte in enumerate(_FREQUENT)}


class LiteralWindows:
    """Literals to look for. A literal's number is its index in `literals`."""

    def __init__(self, literals: Sequence[Literal]) -> None:
        self._literals = literals
        self._compared = _LiteralBeginnings(literals)
        chosen = _choose_windows([_fold_case_bits(one.text) for one in literals])
        self._sized = [
            _WindowsOfSize(size, [(number, *chosen[number]) for number in numbers])
            for size in (4, 2, 1)
            if (numbers := [n for n, (window, _) in enumerate(chosen) if len(window) == size])
        ]

    def find(self, piece: TextPiece) -> tuple[Array, Array]:
        """Return the offsets at which a literal begins, and the number of that literal for each offset."""
        folded = piece.raw | U8(_CASE)
        found = [
            self._only_whole_literals(piece, *pair)
            for sized in self._sized
            for pair in sized.possible_offsets(folded)
        ]
        offsets = [offsets for offsets, _ in found] or [numpy.empty(0, numpy.intp)]
        which = [which for _, which in found] or [numpy.empty(0, numpy.intp)]
        return numpy.concatenate(offsets), numpy.concatenate(which)

    def _only_whole_literals(
        self, piece: TextPiece, offsets: Array, which: Array
    ) -> tuple[Array, Array]:
        """Return only the offsets at which the whole literal stands."""
        offsets, which = self._compared.only_equal(piece, offsets, which)
        longer = self._compared.sizes[which] > _COMPARED
        if not longer.any():
            return offsets, which
        kept = ~longer
        for at in numpy.flatnonzero(longer).tolist():
            literal = self._literals[which[at]]
            begin = piece.begin + int(offsets[at])
            there = piece.text[begin : begin + len(literal.text)]
            kept[at] = (there.lower() if literal.ignore_case else there) == literal.text
        return offsets[kept], which[kept]


class _LiteralBeginnings:
    """The first bytes of all literals, as eight-byte words to compare with words of a text."""

    def __init__(self, literals: Sequence[Literal]) -> None:
        self.sizes: Array = numpy.array([len(one.text) for one in literals], numpy.intp)
        heads = [one.text[:_COMPARED] for one in literals]
        self._wanted = _as_eight_byte_words(heads)
        self._known = _as_eight_byte_words([b"\xff" * len(head) for head in heads])
        self._letters = _as_eight_byte_words(
            [
                bytes(_CASE * (one.ignore_case and ord("a") <= byte <= ord("z")) for byte in head)
                for one, head in zip(literals, heads, strict=True)
            ]
        )

    def only_equal(self, piece: TextPiece, offsets: Array, which: Array) -> tuple[Array, Array]:
        """Return only those offsets, with their literals' numbers, where the literal may stand.

        At such an offset all of the literal fits into the piece, and its first `_COMPARED` bytes are there.
        which: the number of the literal at each offset.
        """
        eights = piece.eight_byte_words()
        kept = (offsets >= 0) & (offsets + self.sizes[which] <= piece.size)
        offsets, which = offsets[kept], which[kept]
        for word in range(self._wanted.shape[1]):
            there = eights[offsets + _WORD * word]
            there |= self._letters[which, word]
            there &= self._known[which, word]
            kept = there == self._wanted[which, word]
            offsets, which = offsets[kept], which[kept]
        return offsets, which


class _WindowsOfSize:
    """The windows of one size. which: (number of a literal, its window, the window's offset in it)."""

    def __init__(self, size: int, which: list[tuple[int, bytes, int]]) -> None:
        self._size = size
        which = sorted(which, key=lambda one: int.from_bytes(one[1], "little"))
        values = [int.from_bytes(window, "little") for _, window, _ in which]
        self._numbers: Array = numpy.array([number for number, _, _ in which], numpy.intp)
        self._offsets: Array = numpy.array([offset for _, _, offset in which], numpy.intp)
        known: Array = numpy.array(values, f"<u{size}")
        self._windows, self._first, self._counts = numpy.unique(
            known, return_index=True, return_counts=True
        )
        self._marks: Array = numpy.zeros(1 << (_BITS if size == 4 else 8 * size), bool)
        self._marks[self._table_index(self._windows)] = True

    def _table_index(self, windows: Array) -> Array:
        if self._size < 4:
            return windows
        index: Array = windows * _MULTIPLIER
        index >>= numpy.uint32(32 - _BITS)
        return index

    def possible_offsets(self, folded: Array) -> list[tuple[Array, Array]]:
        """Return offsets at which a literal may begin, and its number, in arrays of bounded length."""
        windows: Array = numpy.ndarray(
            (len(folded) - PAD,), f"<u{self._size}", folded.data, strides=(1,)
        )
        # A quarter faster than indexing: `take` does not check the bounds.
        offsets = numpy.flatnonzero(self._marks.take(self._table_index(windows), mode="wrap"))
        there = windows[offsets]
        at = numpy.searchsorted(self._windows, there)
        at[at == len(self._windows)] = 0
        same = self._windows[at] == there
        return self._literals_at(offsets[same], at[same])

    def _literals_at(self, offsets: Array, at: Array) -> list[tuple[Array, Array]]:
        """Return where literals may begin, and their numbers: each literal with a window that was found.

        offsets: where windows were found; at: the number of each window.
        """
        counts = self._counts[at]
        total = int(counts.sum())
        if total > _MOST_PAIRS and len(offsets) > 1:
            half = len(offsets) // 2
            return self._literals_at(offsets[:half], at[:half]) + self._literals_at(
                offsets[half:], at[half:]
            )
        first = numpy.repeat(self._first[at] - (counts.cumsum() - counts), counts)
        entries = first + numpy.arange(total)
        return [(numpy.repeat(offsets, counts) - self._offsets[entries], self._numbers[entries])]


def _as_eight_byte_words(texts: Sequence[bytes]) -> Array:
    """Return texts as rows of eight-byte words, padded with zeros."""
    words = -(-max(map(len, texts)) // _WORD)
    joined = b"".join(text.ljust(words * _WORD, b"\0") for text in texts)
    found: Array = numpy.frombuffer(joined, "<u8").reshape(len(texts), words)
    return found


def _fold_case_bits(text: bytes) -> bytes:
    return bytes(byte | _CASE for byte in text)


def _choose_windows(texts: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Return a window of each text and its offset: one that few other texts have, with rare bytes."""
    choices = [_windows_of(text) for text in texts]
    shared = Counter(window for windows in choices for window in set(windows))
    return [
        min(
            ((window, offset) for offset, window in enumerate(windows)),
            key=lambda one: (shared[one[0]], sum(_RANK.get(byte, 0) for byte in one[0])),
        )
        for windows in choices
    ]


def _windows_of(text: bytes) -> list[bytes]:
    size = 4 if len(text) >= 4 else 2 if len(text) >= 2 else 1
    # The beginning of a very long literal is enough to choose from.
    return [text[at : at + size] for at in range(min(len(text), 8 * _COMPARED) - size + 1)]
