"""Finding the runs and windows of a frame with NumPy, which lets other threads run meanwhile.

The passes over all bytes only find the class of each byte; each takes 20 to 40 µs for 1 MiB. After that, a
class is a bitmap with a bit for each byte, and a pass takes 3 µs. Values of several bytes are read only at
the offsets found by the bitmaps. `evidence.py` defines runs and windows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy

from logsrv.linelog.store.times import SHAPE
from logsrv.linelog.store.words.evidence import (
    ADDRESS_MARK,
    ESCAPES,
    MULTIPLIER,
    SECOND_MULTIPLIER,
)

Array = numpy.ndarray[Any, Any]
U8, U64 = numpy.uint8, numpy.uint64

# The number of NULs after the text, so that eight bytes can be read at every offset in it.
_PAD = 64
# The number of lines whose beginnings are compared at once.
_STARTS = 1 << 16
_LOW = U64(0x7F7F7F7F7F7F7F7F)
_HIGH = U64(0x8080808080808080)
_ONES = U64(0x0101010101010101)
_FIVE = U64((1 << 40) - 1)
_SEVEN = U64((1 << 56) - 1)
# Adding this sets the high bit of the letters after f (g to z, and `{` for _), and of no others.
_ABOVE_F = U64(0x1919191919191919)
# The beginning of a line in words of eight bytes: a TIME, with 0 for each digit, and a space.
_LINE = (SHAPE + b" ").ljust(32, b"\0")
_WANTED: Array = numpy.frombuffer(_LINE, "<u8")
# Adding this keeps the high bit clear only for allowed differences: up to 9 where SHAPE has a digit
# (0x76 + 9 = 0x7F), none elsewhere.
_ROOM: Array = numpy.frombuffer(bytes(0x76 if byte == ord("0") else 0x7F for byte in _LINE), "<u8")
_LOOKED_AT: Array = numpy.frombuffer((b"\x80" * (len(SHAPE) + 1)).ljust(32, b"\0"), "<u8")


class FrameRuns(NamedTuple):
    """Runs of a frame. starts: their offsets. first: their first eight letters, padded with NULs."""

    starts: Array
    first: Array

    def select(self, which: Array) -> FrameRuns:
        """Return the runs at these indexes."""
        return FrameRuns(self.starts[which], self.first[which])


class FrameText:
    """The text of a frame without TIMEs, and the classes of its bytes."""

    def __init__(self, chunk: bytes, end: int, newlines: Array | None = None) -> None:
        """Take the text `chunk[:end]`, whole lines. newlines: the offsets of its LFs, if they are known."""
        raw: Array = numpy.frombuffer(chunk, U8, end)
        text: Array = numpy.empty(end + _PAD + -end % 64, U8)
        text[:end] = raw
        text[end:] = 0
        _blank_out_times(
            text, numpy.flatnonzero(raw == ord("\n")) if newlines is None else newlines
        )
        self._chunk, self._end = chunk, end
        self._text = text
        lower = text | U8(0x20)
        behind_a = lower - U8(ord("a"))
        underscore = text == ord("_")
        letter = behind_a < 26
        letter |= underscore
        # Letters as in the index; NULs instead of all other bytes.
        lower *= letter
        lower ^= underscore.view(U8) * U8(4)
        self.letters: Array = lower
        self._eights: Array = numpy.ndarray((len(lower) - 7,), "<u8", lower.data, strides=(1,))
        self._letter = pack_bits(letter)
        self._digit = pack_bits((text - U8(ord("0"))) < 10)
        self._hex = pack_bits(behind_a < 6) | self._digit

    def window_hashes(self) -> tuple[Array, Array, Array, Array]:
        """Return the hashes of id windows, of other windows, and the two hashes of address windows."""
        in_hex = in_a_row(self._hex, 5)
        in_words = self._digit | self._letter
        if not self._chunk.isascii():
            in_words |= pack_bits(self._text > 127)
        others = in_a_row(in_words, 5) & ~(in_hex | in_a_row(self._letter, 5))
        dot, colon = (pack_bits(self._text == ord(mark)) for mark in ".:")
        addresses = in_a_row(self._hex | dot, 7) & two_of_seven(dot)
        addresses |= in_a_row(self._hex | colon, 7) & two_of_seven(colon)
        marked = self._folded_bytes_at(addresses, _SEVEN)
        marked |= U64(ADDRESS_MARK)
        again = marked * U64(SECOND_MULTIPLIER)
        marked *= U64(MULTIPLIER)
        hashes = []
        for where in in_hex, others:
            found = self._folded_bytes_at(where, _FIVE)
            found *= U64(MULTIPLIER)
            hashes.append(found)
        return hashes[0], hashes[1], marked, again

    def _folded_bytes_at(self, where: Array, mask: Any) -> Array:
        """Return the eight folded bytes at each offset in the bitmap `where`, reduced by a mask."""
        # Each byte of the bitmap stands for eight bytes of text. Only groups of eight with an offset in
        # them are copied, and the group after each. These groups are scattered irregularly, so `take` is
        # twice as fast as an index of bools.
        has = where.view(U8)
        wanted = has != 0
        wanted[1:] |= wanted[:-1].copy()
        groups = numpy.flatnonzero(wanted)
        text = _fold_in_place(self._text.view("<u8").take(groups))
        # No window begins in the last eight bytes, which are NULs.
        size = max(0, len(text) - 8)
        eights: Array = numpy.ndarray((size,), "<u8", text.data, strides=(1,))
        found: Array = eights[unpack_bits(has.take(groups))[:size]]
        found &= mask
        return found

    def has_escapes(self) -> tuple[bool, ...]:
        """Return which of the ESCAPES the frame has."""
        # Looking for one byte is much faster than for two, and most texts have no such byte.
        if b"\\" not in self._chunk:
            return False, False
        raw = self._text[: self._end]
        found = numpy.flatnonzero(raw == ord("\\"))
        has = []
        for distance, byte in enumerate(ESCAPES[-1][1:], 1):
            found = found[self._text[found + distance] == byte]
            has.append(len(found) > 0)
        return has[0], has[-1]

    def find_runs(self) -> FrameRuns:
        three = in_a_row(self._letter, 3)
        begins = unpack_bits((three & ~previous_bits(three)).view(U8))
        starts = numpy.flatnonzero(begins)
        return FrameRuns(starts, self.eight_letters_at(starts))

    def eight_letters_at(self, starts: Array) -> Array:
        """Return up to eight letters at each of these offsets, padded with NULs."""
        return _up_to_nul(self._eights[starts])

    def run_lengths(self, runs: FrameRuns, longest: int) -> Array:
        """Return the lengths of runs in letters; counting stops within eight letters after `longest`."""
        sizes = _letter_counts(runs.first)
        left = numpy.flatnonzero(sizes == 8)
        for size in range(8, longest + 1, 8):
            if not len(left):
                break
            more = _letter_counts(self.eight_letters_at(runs.starts[left] + size))
            sizes[left] += more
            left = left[more == 8]
        return sizes

    def are_digits_at(self, offsets: Array) -> Array:
        """Return whether there is a digit at each of these offsets."""
        found: Array = (self._text[offsets] - U8(ord("0"))) < 10
        return found


def are_indexed(first: Array) -> Array:
    """Return, by the first letters of each run, whether it is indexed: not if it is 3 to 7 hex digits."""
    found: Array = ((first + _ABOVE_F) & _HIGH != 0) | (first > _SEVEN)
    return found


def _up_to_nul(eights: Array) -> Array:
    """Return these words of eight bytes, each with NULs from its first NUL on."""
    ends = eights - _ONES
    ends &= _HIGH
    ends ^= ends - U64(1)
    ends &= eights
    return ends


def _letter_counts(eights: Array) -> Array:
    sizes: Array = numpy.bitwise_count((eights + _LOW) & _HIGH).astype(numpy.int64)
    return sizes


def _fold_in_place(words: Array) -> Array:
    """Fold words of eight bytes in place, like `evidence.folded`; return their bytes.

    Correct only for bytes that a window may have: letters, digits, `_`, `.`, `:`, and bytes above 127.
    """
    words |= (~words & _HIGH) >> U64(2)
    text = words.view(U8)
    text ^= (text == 0x7F).view(U8) * U8(4)
    return text


def _blank_out_times(text: Array, newlines: Array) -> None:
    """Overwrite with NULs each TIME that begins a line and has a space after it."""
    starts = numpy.concatenate((numpy.zeros(1, newlines.dtype), newlines + 1))
    size = len(SHAPE)
    heads: Array = numpy.ndarray((len(text) - 31,), "V32", text.data, strides=(1,))
    times: Array = numpy.ndarray((len(text) - size,), f"V{size}", text.data, strides=(1,))
    # In parts, so that a text of almost only LFs takes no more memory than any other.
    for at in range(0, len(starts), _STARTS):
        some = starts[at : at + _STARTS]
        found = heads[some]
        is_time = numpy.ones(len(some), bool)
        for number, (wanted, room, looked_at) in enumerate(
            zip(_WANTED, _ROOM, _LOOKED_AT, strict=True)
        ):
            differs = found.view("<u8")[number::4] ^ wanted
            is_time &= (((differs & _LOW) + room) | differs) & looked_at == 0
        times[some[is_time]] = numpy.zeros(1, f"V{size}")


def pack_bits(booleans: Array) -> Array:
    """Return booleans as bits in 64-bit words; their number must be a multiple of 64."""
    return numpy.packbits(booleans, bitorder="little").view("<u8")


def unpack_bits(some: Array) -> Array:
    """Return the bits of an array of bytes as booleans."""
    return numpy.unpackbits(some, bitorder="little").view(bool)


def later_bits(members: Array, count: int) -> Array:
    """Return the bitmap in which bit n is bit n + `count` of `members`. count: less than 64."""
    moved: Array = members >> U64(count)
    moved[:-1] |= members[1:] << U64(64 - count)
    return moved


def previous_bits(members: Array) -> Array:
    """Return the bitmap in which bit n is bit n - 1 of `members`."""
    moved: Array = members << U64(1)
    moved[1:] |= members[:-1] >> U64(63)
    return moved


def in_a_row(members: Array, count: int) -> Array:
    """Return a bitmap of the offsets at which `count` set bits side by side begin."""
    found, size = members, 1
    while size < count:
        more = min(size, count - size)
        found, size = found & later_bits(found, more), size + more
    return found


def two_of_seven(members: Array) -> Array:
    """Return a bitmap of the offsets at which seven bits begin of which two or more are set."""
    one = later_bits(members, 1)
    any_of_two, two_of_two = members | one, members & one
    any_of_six, two_of_six = any_of_two, two_of_two
    for count in 2, 4:
        any_behind = later_bits(any_of_two, count)
        two_of_six = two_of_six | later_bits(two_of_two, count) | any_of_six & any_behind
        any_of_six = any_of_six | any_behind
    found: Array = two_of_six | any_of_six & later_bits(members, 6)
    return found
