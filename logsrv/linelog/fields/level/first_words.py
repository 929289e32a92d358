"""Names of levels among the words of many messages: each word is looked up in a hash table, all at once.

It is apart from `many.py` because readers of headers and pairs need it, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import U64, Array, byte_membership_table
from logsrv.linelog.fields.level.one import OF_POSTGRESQL
from logsrv.linelog.fields.level_names import NAMES, RANK, SHORT_NAMES

NAME = 16
"""Bytes of a word that are compared: the longest name, and the byte that ends it."""
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
IN_WORD = byte_membership_table(_LETTERS + b"0123456789_")
"""A table of the bytes that may stand in a word."""
_SMALL = U64(0x2020202020202020)
_BITS = 12
POSTGRESQL = 64
"""Added to the number of a level that a word has only before AFTER_POSTGRESQL."""
_SHORT = 32
_WORDS = {
    name: RANK[level] + 1 + _SHORT * (name in SHORT_NAMES) for name, level in NAMES.items()
} | {
    word.lower(): POSTGRESQL + (RANK[level] + 1 if level else 0)
    for word, level in OF_POSTGRESQL.items()
}


class _NameHashTable(NamedTuple):
    """A hash table of the names: first and last eight bytes of a name, and the number of its level."""

    first: Array
    last: Array
    number: Array


def _hash_name(first: Array, last: Array) -> Array:
    mixed = first * U64(0x9E3779B97F4A7C15) ^ last * U64(0xC2B2AE3D27D4EB4F)
    return mixed >> U64(64 - _BITS)


def _make_name_table() -> _NameHashTable:
    halves = numpy.frombuffer(b"".join(name.encode().ljust(NAME, b"\0") for name in _WORDS), U64)
    first, last = halves[::2].copy(), halves[1::2].copy()
    at = _hash_name(first, last)
    assert len(set(at.tolist())) == len(_WORDS)
    table = _NameHashTable(*(numpy.zeros(1 << _BITS, kind) for kind in (U64, U64, numpy.uint8)))
    table.first[at], table.last[at] = first, last
    table.number[at] = list(_WORDS.values())
    return table


_TABLE = _make_name_table()
# Masks for the first 0 to 8 of eight bytes, half of a name.
_MASKS = numpy.array([(1 << 8 * size) - 1 for size in range(9)], U64)
# Bits of the hash of a name's first three letters.
_BEGIN_BITS = 10
THREE = numpy.uint32(0xFFFFFF)
"""A mask for the first three of four bytes."""
_SMALL_THREE = numpy.uint32(0x202020)


def _hash_three_bytes(three: Array) -> Array:
    return three * numpy.uint32(0x85EBCA6B) >> numpy.uint32(32 - _BEGIN_BITS)


def _make_beginnings_table() -> Array:
    begins = numpy.array(sorted({int.from_bytes(name[:3].encode(), "little") for name in _WORDS}),
                         numpy.uint32)  # fmt: skip
    table: Array = numpy.zeros(1 << _BEGIN_BITS, numpy.uint32)
    table[_hash_three_bytes(begins)] = begins
    assert numpy.count_nonzero(table) == len(begins)
    return table


_BEGINNINGS = _make_beginnings_table()


def may_begin_level_name(fours: Array) -> Array:
    """Return for each group of four bytes whether the first three may begin the name of a level."""
    three = (fours & THREE) | _SMALL_THREE
    found: Array = _BEGINNINGS[_hash_three_bytes(three)] == three
    return found


class FirstWords(NamedTuple):
    """The words at the beginning of rows.

    number: of the named level, 0 for no name. capital: whether all letters are capitals. size: bytes.
    short: whether it is one of SHORT_NAMES.
    """

    number: Array
    capital: Array
    size: Array
    short: Array


def first_words(rows: Array) -> FirstWords:
    """Return the word at the beginning of each row of NAME bytes, without PostgreSQL's words."""
    found = first_words_with_postgresql(rows)
    return found._replace(number=numpy.where(found.number < POSTGRESQL, found.number, 0))


def first_words_with_postgresql(rows: Array) -> FirstWords:
    """Return the words like `first_words`; the number of a PostgreSQL word has POSTGRESQL added."""
    size = (~IN_WORD[rows]).argmax(1)
    # A word that fills the row is longer than any name; its size becomes 0, so it names no level.
    halves = rows.view(U64)
    first = halves[:, 0] & _MASKS[numpy.minimum(size, 8)]
    last = halves[:, 1] & _MASKS[numpy.maximum(size - 8, 0)]
    letters_of_first, letters_of_last = first >> U64(1) & _SMALL, last >> U64(1) & _SMALL
    small_first, small_last = first | letters_of_first, last | letters_of_last
    at = _hash_name(small_first, small_last)
    known = (_TABLE.first[at] == small_first) & (_TABLE.last[at] == small_last) & (size > 0)
    capital = (first ^ small_first == letters_of_first) & (last ^ small_last == letters_of_last)
    number = numpy.where(known, _TABLE.number[at], 0)
    return FirstWords(number & ~numpy.uint8(_SHORT), capital, size, number & _SHORT > 0)
