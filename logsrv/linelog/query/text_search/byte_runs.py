"""The bytes of which every match of an expression is made, if they are few: digits, spaces and dashes.

A match of `\\b(\\d[ -]?){13,16}\\b` has at least 13 bytes, and all of them are digits, spaces or dashes. So
a text without 13 such bytes in a row has no match, and to see that, every third byte is enough. NumPy looks
at these in a fifth of the time in which RE2 searches the text. Apart from `pattern_reader.py`, because it
reads the `exact` pattern that is written there, in which each character is a plain one or `\\x{…}`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.query.text_search.engine import compile_search
from logsrv.linelog.query.text_search.pattern_fold import fold_pattern

FEWEST = 8
"""Bytes of the shortest run that is looked for: every second byte is looked at, and four have to fit."""
LONGEST = 64
"""Bytes of the longest run that is looked for; of a longer one this is the beginning."""
MOST_BYTES = 40
"""With more different bytes, such as all letters and digits, a usual word is a run."""
# With more than one offset in 2**7 bytes, a closer look takes longer than RE2.
_MANY_SHIFT = 7
_NOTHING = frozenset[int]()
_WITHOUT_WIDTH = (r"\b", r"\B", r"\A", r"\z")
# Parts of a class or an escape that may match more than ASCII.
_OUTSIDE = re.compile(r"\[\^|\[:\^|\\[DSWpP]|\\x\{(?:[89a-f][0-9a-f]|[0-9a-f]{3,})\}|[^\x00-\x7f]")


class _Item(NamedTuple):
    """A part of a pattern: its least length in bytes, and all bytes that may be in it."""

    least: int
    allowed: frozenset[int]


# With it the bytes are too many.
_ANY = _Item(1, frozenset(range(256)))


class ByteRun:
    """A run of at least `least` bytes, all of them `allowed`."""

    def __init__(self, least: int, allowed: bytes) -> None:
        self.least = least
        self.allowed = bytes(sorted(allowed))
        self._table = numpy.zeros(256, bool)
        self._table[list(allowed)] = True
        # A range, such as that of all digits, is tested without the table in half the time.
        self._low, self._size = numpy.uint8(self.allowed[0]), numpy.uint8(len(allowed))
        self._is_range = self.allowed == bytes(range(self.allowed[0], self.allowed[-1] + 1))

    def offsets(self, text: bytes) -> Array:
        """Return, in order, an offset or several in each such run of a text.

        If they are very many, some may be in shorter runs.
        """
        codes: Array = numpy.frombuffer(text, numpy.uint8)
        step = self.least // 4
        some = codes[::step]
        known = some - self._low < self._size if self._is_range else self._table.take(some)
        # Such a run has four of the bytes that are looked at, or more, one behind the other.
        two = known[:-1] & known[1:]
        found: Array = numpy.flatnonzero(two[:-2] & two[2:]) * step
        # The bytes between these are looked at only there.
        for distance in range(1, 3 * step):
            if distance % step and len(found):
                found = found[self._table.take(codes.take(found + distance))]
        if not len(found) or len(found) > len(text) >> _MANY_SHIFT:
            return found
        # The lengths of the parts of the run before and behind each offset are added.
        around = numpy.arange(-self.least, self.least)
        others = ~self._table[codes.take(found[:, None] + around, mode="clip")]
        # An index beyond the text takes its first or last byte: the run may seem to be longer, not shorter.
        size = _length_before(others[:, self.least - 1 :: -1]) + _length_before(
            others[:, self.least :]
        )
        longer: Array = found[size >= self.least]
        return longer


def _length_before(marked: Array) -> Array:
    """Return for each row how many of its columns stand before the first that is marked."""
    first: Array = numpy.where(marked.any(1), marked.argmax(1), marked.shape[1])
    return first


def byte_run_of(exact: str) -> ByteRun | None:
    """Return the run that every match of an `exact` pattern is.

    None if its bytes are too many or too few.
    """
    least, allowed = fold_pattern(exact, values=_items_of, repeated=_repeated, either=_either)
    if least < FEWEST or len(allowed) > MOST_BYTES or ord("\n") in allowed:
        return None
    return ByteRun(min(least, LONGEST), bytes(allowed))


def _items_of(token: re.Match[str]) -> list[_Item]:
    kind, text = token.lastgroup, token[0]
    if kind == "plain":
        return (
            [_Item(1, frozenset((byte,))) for byte in text.encode()] if text.isascii() else [_ANY]
        )
    if kind == "flags" or text in _WITHOUT_WIDTH:
        return [_Item(0, _NOTHING)]
    allowed = _bytes_of(text)
    return [_Item(1, allowed) if allowed else _ANY]


def _repeated(item: _Item, token: re.Match[str]) -> _Item:
    times = int(token["least"]) if token["least"] else int(token[0][0] == "+")
    return _Item(item.least * times, item.allowed)


def _either(branches: list[list[_Item]]) -> _Item:
    """Return the item that is one of these sequences of items."""
    least = min(sum(item.least for item in branch) for branch in branches)
    return _Item(least, _NOTHING.union(*(item.allowed for branch in branches for item in branch)))


def _bytes_of(text: str) -> frozenset[int]:
    """Return the bytes that one item matches, such as `\\d` or `[a-f]`; none unless all are ASCII."""
    if text == "." or _OUTSIDE.search(text):
        return _NOTHING
    search = compile_search(text)
    return frozenset(byte for byte in range(128) if search(bytes((byte,)), 0, 1) == (0, 1))
