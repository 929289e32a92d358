"""Literals in a megabyte of text, found with NumPy: two to four times as fast as `bytes.find`.

NumPy takes a tenth of a second to import, as long as a search that the word index has narrowed down.
So this module is loaded only for searches over many texts.

The two rarest bytes of a literal are compared with the whole text at once. At offsets with both, the whole
literal is compared, eight bytes at a time. To ignore case, the bit that distinguishes small letters from
capitals is set, only where the literal has a letter: no other byte becomes a letter. For an expression of
fixed width, its literal is found first; then the bytes around it are tested by their classes.
"""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.query.line_spans import is_in_message
from logsrv.linelog.query.text_search.literals import Literal

U8 = numpy.uint8

_WORD = 8
_CASE = 0x20
_LF, _SPACE = 0x0A, 0x20
# The distances of the 64 bytes before a hit. In nine of ten cases they have two spaces, in logs of all
# kinds: then the hit is in the message, and the line's stamp need not be searched.
_BEFORE = numpy.arange(1, 65)[:, None]
# Bytes from the most to the least frequent in logs; all others are rarer.
_FREQUENT = b'e 0t1ainosr2c34d5l6798pm.uf-:hbg/"=_vyk[](),wTx;zjq'
_RANK = {byte: rank for rank, byte in enumerate(_FREQUENT)}


class _ReusedArrays:
    """Arrays that are reused for each text: allocating them anew costs more than the comparison."""

    def __init__(self, size: int) -> None:
        self.folded: Array = numpy.empty(size, U8)
        self.first: Array = numpy.empty(size, bool)
        self.second: Array = numpy.empty(size, bool)


_room = _ReusedArrays(1 << 20)


def _reused_arrays(size: int) -> _ReusedArrays:
    """Return arrays for a text of `size` bytes."""
    global _room
    if len(_room.folded) < size:
        _room = _ReusedArrays(size)
    return _room


def offsets_of_literals(text: bytes, literals: tuple[Literal, ...]) -> Array:
    """Return the sorted offsets of all literals in a text, once for each literal that begins there."""
    if len(literals) == 1:
        return _offsets_of_literal(text, literals[0])
    found: Array = numpy.concatenate([_offsets_of_literal(text, one) for one in literals])
    found.sort()
    return found


class FixedWidthSearch:
    """An expression of fixed width, found by a literal in it.

    classes: the allowed bytes of each position. before: the number of positions before the literal.
    """

    def __init__(self, classes: tuple[frozenset[int], ...], literal: Literal, before: int) -> None:
        self._size = len(classes)
        self._literal = literal
        self._before = before
        self._around: list[tuple[int, Array]] = []
        for index, allowed in enumerate(classes):
            if not before <= index < before + len(literal.text):
                table: Array = numpy.zeros(256, bool)
                table[list(allowed)] = True
                self._around.append((index, table))

    def match_offsets(self, text: bytes) -> Array:
        """Return the offsets of the expression's matches in a text, in order."""
        raw: Array = numpy.frombuffer(text, U8)
        found = _offsets_of_literal(text, self._literal) - self._before
        found = found[(found >= 0) & (found <= len(text) - self._size)]
        for index, table in self._around:
            found = found[table[raw[found + index]]]
        return found


def count_messages_with_hit(text: bytes, offsets: Array) -> int:
    """Return the number of lines with a hit in their message. offsets: the sorted offsets of all hits."""
    if not len(offsets):
        return 0
    raw: Array = numpy.frombuffer(text, U8)
    ends = numpy.equal(raw, U8(_LF), out=_reused_arrays(len(text)).first[: len(text)])
    # The last hit of each line: if any of its hits is in the message, the last one is.
    is_last: Array = numpy.logical_or.reduceat(ends, offsets)
    is_last[-1] = True
    last: Array = offsets[is_last]
    # A hit after two spaces of its line is in the message: a stamp has two at most.
    before: Array = raw.take(last - _BEFORE, mode="clip")
    sure = (before == _SPACE).sum(0, dtype=U8) >= 2
    sure &= (last >= len(_BEFORE)) & ~(before == _LF).any(0)
    unsure = last[~sure].tolist()
    return len(last) - sum(
        not is_in_message(text, text.rfind(b"\n", 0, at) + 1, at) for at in unsure
    )


def _offsets_of_literal(text: bytes, literal: Literal) -> Array:
    needle = literal.text
    size = len(needle)
    # Comparing reads words of eight bytes, so `bytes` methods search the end of the text.
    end = len(text) - max(size, _WORD) + 1
    found = _candidate_offsets(text, literal, end) if end > 0 else numpy.empty(0, numpy.intp)
    tail = text[max(end, 0) :]
    tail = tail.lower() if literal.ignore_case else tail
    behind = [at for at in range(len(tail)) if tail.startswith(needle, at)]
    return numpy.append(found, numpy.add(behind, max(end, 0))) if behind else found


def _candidate_offsets(text: bytes, literal: Literal, end: int) -> Array:
    """Return the literal's offsets below `end`."""
    room = _reused_arrays(len(text))
    needle = literal.text
    raw: Array = numpy.frombuffer(text, U8)
    folded = raw
    if literal.ignore_case:
        folded = numpy.bitwise_or(raw, U8(_CASE), out=room.folded[: len(text)])
    where = sorted(range(len(needle)), key=lambda index: -_RANK.get(needle[index], 99))
    hits: Array = room.first[:end]
    for column, index in enumerate(where[:2]):
        is_letter = ord("a") <= needle[index] <= ord("z")
        part = (folded if is_letter else raw)[index : index + end]
        if column:
            hits &= numpy.equal(part, needle[index], out=room.second[:end])
        else:
            numpy.equal(part, needle[index], out=hits)
    found: Array = numpy.flatnonzero(hits)
    return _only_whole_literals(text, literal, found) if len(needle) > 2 else found


def _only_whole_literals(text: bytes, literal: Literal, offsets: Array) -> Array:
    """Return the offsets at which the whole literal stands."""
    needle = literal.text
    eights: Array = numpy.ndarray((len(text) - _WORD + 1,), "<u8", text, strides=(1,))
    for at in range(0, len(needle), _WORD):
        # The last word begins earlier, so as not to exceed the literal.
        start = max(0, min(at, len(needle) - _WORD))
        part = needle[start : start + _WORD]
        known = (1 << 8 * len(part)) - 1
        letters = bytes(
            _CASE if literal.ignore_case and ord("a") <= byte <= ord("z") else 0 for byte in part
        )
        words = eights[offsets + start]
        words |= numpy.uint64(int.from_bytes(letters.ljust(_WORD, b"\0"), "little"))
        words &= numpy.uint64(known)
        offsets = offsets[words == numpy.uint64(int.from_bytes(part, "little"))]
    return offsets
