"""Levels in plain text: names in capitals or in brackets among the first words of many messages.

The same rules as `level.of_text`, for messages whose beginnings are ASCII.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy

from logsrv.linelog.fields.level import LOOKED_AT, NAMES, RANK
from logsrv.linelog.fields.levels.places import (
    DIGITS_AS_ZEROS,
    U64,
    Array,
    any_of,
    places,
    table_of,
    windows,
)

WIDTH = 80
"""Bytes of a beginning: those in which a name may begin, and the longest name, in words of eight bytes."""
UNSURE = 255
"""Stands for a level that the beginning alone does not tell."""

_NAME = 16
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_IN_WORD = table_of(_LETTERS + b"0123456789_")
_SMALL = U64(0x2020202020202020)
_BITS = 12


_TIME = b"[00/Mon/0000:00:00:00 +0000]    "
_TIME_WORDS = numpy.frombuffer(_TIME, U64)
# The name of the month, the sign of the zone, and what stands behind it, may be anything.
_TIME_MASK = numpy.frombuffer(
    bytes(0 if byte in b"Mon+" or place > 27 else 255 for place, byte in enumerate(_TIME)), U64
)


class _Names(NamedTuple):
    """The names in a table by a hash of 16 bytes: the two halves of a name, and the number of its level."""

    first: Array
    last: Array
    number: Array


def _hash(first: Array, last: Array) -> Array:
    mixed = first * U64(0x9E3779B97F4A7C15) ^ last * U64(0xC2B2AE3D27D4EB4F)
    return mixed >> U64(64 - _BITS)


def _names() -> _Names:
    halves = numpy.frombuffer(b"".join(name.encode().ljust(_NAME, b"\0") for name in NAMES), U64)
    first, last = halves[::2].copy(), halves[1::2].copy()
    at = _hash(first, last)
    assert len(set(at.tolist())) == len(NAMES)
    table = _Names(*(numpy.zeros(1 << _BITS, kind) for kind in (U64, U64, numpy.uint8)))
    table.first[at], table.last[at] = first, last
    table.number[at] = [RANK[level] + 1 for level in NAMES.values()]
    return table


_TABLE = _names()
# The first bytes of a half, by their number.
_MASKS = numpy.array([(1 << 8 * size) - 1 for size in range(9)], U64)
# The first three letters of all names, found by a hash of them.
_BEGIN_BITS = 10
_THREE = numpy.uint32(0xFFFFFF)
_SMALL_THREE = numpy.uint32(0x202020)


def _begin_hash(three: Array) -> Array:
    return three * numpy.uint32(0x85EBCA6B) >> numpy.uint32(32 - _BEGIN_BITS)


def _beginnings() -> Array:
    begins = numpy.array(sorted({int.from_bytes(name[:3].encode(), "little") for name in NAMES}),
                         numpy.uint32)  # fmt: skip
    table: Array = numpy.zeros(1 << _BEGIN_BITS, numpy.uint32)
    table[_begin_hash(begins)] = begins
    assert numpy.count_nonzero(table) == len(begins)
    return table


_BEGINNINGS = _beginnings()


class Named(NamedTuple):
    """Words that name a level: the number of it (0: no name), and whether all are capitals."""

    number: Array
    capital: Array
    size: Array


def named(rows: Array) -> Named:
    """Return what level the word at the beginning of each row of 16 bytes names."""
    size = (~_IN_WORD[rows]).argmax(1)
    # A word that fills the row is longer than any name.
    halves = rows.view(U64)
    first = halves[:, 0] & _MASKS[numpy.minimum(size, 8)]
    last = halves[:, 1] & _MASKS[numpy.maximum(size - 8, 0)]
    letters_of_first = _SMALL & _MASKS[numpy.minimum(size, 8)]
    letters_of_last = _SMALL & _MASKS[numpy.maximum(size - 8, 0)]
    small_first, small_last = first | letters_of_first, last | letters_of_last
    at = _hash(small_first, small_last)
    known = (_TABLE.first[at] == small_first) & (_TABLE.last[at] == small_last) & (size > 0)
    capital = (first ^ small_first == letters_of_first) & (last ^ small_last == letters_of_last)
    return Named(numpy.where(known, _TABLE.number[at], 0), capital, size)


def levels_of_beginnings(rows: Array, sizes: Array) -> Array:
    """Return the number of the level that each beginning tells, 0 for none, or UNSURE.

    rows: the first WIDTH bytes from where each message begins. sizes: the bytes of each message.
    """
    found: Array = numpy.zeros(len(rows), numpy.uint8)
    if not len(rows):
        return found
    bracketed = _bracketed(rows)
    for some, any_case in ((~bracketed, False), (bracketed, True)):
        chosen = numpy.flatnonzero(some)
        if len(chosen):
            found[chosen] = _levels(rows[chosen], sizes[chosen], any_case=any_case)
    # Bytes beyond ASCII may stand behind the message, in the next one.
    found[any_of(rows & numpy.uint8(0x80))] = UNSURE
    return found


def _levels(rows: Array, sizes: Array, *, any_case: bool) -> Array:
    """Return the levels of some beginnings: of none with a bracket, or of those that have one."""
    flat = rows.reshape(-1)
    at = _words(rows, any_case=any_case)
    row = at // WIDTH
    inside = at - row * WIDTH < numpy.minimum(sizes[row], LOOKED_AT)
    at, row = at[inside], row[inside]
    padded: Array = numpy.concatenate((flat, numpy.zeros(_NAME, numpy.uint8)))
    three: Array = numpy.ndarray((len(flat),), "<u4", padded, 0, (1,))[at]
    three = (three & _THREE) | _SMALL_THREE
    likely = _BEGINNINGS[_begin_hash(three)] == three
    at, row = at[likely], row[likely]
    names: Array = numpy.ndarray((len(flat),), f"V{_NAME}", padded, 0, (1,))[at]
    words = named(names.view(numpy.uint8).reshape(-1, _NAME))
    numbers = words.number
    if any_case:
        numbers = _in_brackets(flat, at, row, sizes, words)
    else:
        numbers = numpy.where(words.capital, numbers, 0)
    said = numpy.flatnonzero(numbers)
    # Assigned from the last to the first: the first word of a row that says something remains.
    found: Array = numpy.zeros(len(rows), numpy.uint8)
    found[row[said][::-1]] = numbers[said][::-1]
    return found


def _bracketed(rows: Array) -> Array:
    """Return which rows have a bracket around something else than the time of an access log."""
    padded: Array = numpy.concatenate((rows.reshape(-1), numpy.zeros(len(_TIME), numpy.uint8)))
    at = places(padded == ord("["))
    times = windows(padded, at, len(_TIME)).tobytes().translate(DIGITS_AS_ZEROS)
    shapes = numpy.frombuffer(times, U64).reshape(len(at), len(_TIME_WORDS))
    # `Err` would be a level, and is no month.
    is_time = ~any_of((shapes ^ _TIME_WORDS) & _TIME_MASK) & (padded[at + 5] | 0x20 != ord("r"))
    found: Array = numpy.zeros(len(rows), bool)
    found[at[~is_time] // WIDTH] = True
    return found


def _words(rows: Array, *, any_case: bool) -> Array:
    """Return where words begin with a letter, or with three capitals."""
    flat = rows.reshape(-1)
    letters = flat | numpy.uint8(0x20) if any_case else flat
    begins = letters - numpy.uint8(ord("a") if any_case else ord("A")) < 26
    if any_case:
        inside = begins | (flat - numpy.uint8(ord("0")) < 10) | (flat == ord("_"))
        inside[WIDTH - 1 :: WIDTH] = False
        begins[1:] &= ~inside[:-1]
        return places(begins)
    # Three capitals behind something else: no name is shorter.
    first_of_three = begins[:-2] & begins[1:-1]
    first_of_three &= begins[2:]
    first_of_three[1:] &= ~begins[:-3]
    first_of_three[WIDTH::WIDTH] |= begins[WIDTH:-2:WIDTH]
    at = places(first_of_three)
    before = _IN_WORD[flat[at - 1]] & (at % WIDTH != 0)
    first: Array = at[~before]
    return first


def _in_brackets(flat: Array, at: Array, row: Array, sizes: Array, words: Named) -> Array:
    """Return the levels of words that stand in brackets or in capitals; 0 for the others."""
    brackets = places((flat == ord("[")) | (flat == ord("]")))
    low, high = row * WIDTH, row * WIDTH + numpy.minimum(sizes[row], WIDTH)
    next_one = numpy.searchsorted(brackets, at)
    behind = numpy.append(brackets, len(flat))[next_one]
    before = numpy.append(brackets, -1)[next_one - 1]
    opened = (before >= low) & (next_one > 0) & (flat[before] == ord("["))
    has_next = behind < high
    closed = has_next & (flat[numpy.minimum(behind, len(flat) - 1)] == ord("]"))
    # The bracket may close behind what is looked at.
    open_end = ~has_next & (sizes[row] > WIDTH)
    numbers = numpy.where(words.capital | (opened & closed), words.number, 0)
    unsure = (words.number > 0) & ~words.capital & opened & open_end
    return numpy.where(unsure, UNSURE, numbers)
