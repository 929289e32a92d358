"""Text that is stored for the matches of a mask: `(masked)`, or `"(masked)"` as a value of JSON (sans-IO).

Python replaces few matches fastest by cutting the text at each and joining the pieces. Where nearly every
line has a match, NumPy writes all replacements over the matches at once, and then leaves out what is left
of these: that takes two thirds of the time with lines of 85 bytes, and more with long ones.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy

from logsrv.linelog.fields.byte_arrays import Array, rows_from_each

MASKED = b"(masked)"
_AS_TEXT = b'"(masked)"'
_BEFORE_VALUE, _AFTER_VALUE = b": ", b",} "
_SPACE, _QUOTE, _COLON, _COMMA, _BRACE, _LF, _BACKSLASH = b' ":,}\n\\'
Spans: TypeAlias = tuple[list[int], list[int]] | tuple[Array, Array]
"""Beginnings and ends of the parts to mask, in order; none is empty."""
# Bytes of text for a match: NumPy looks at each of them, or at words; a piece costs the same whatever its
# length.
_DENSE_BYTES, _DENSE_WORDS = 112, 256
# Different lengths of matches: each is left out on its own.
_MOST_LENGTHS = 12
_WORD, _FEW_BITS = 8, 2


def replace_spans(text: bytes, start: int, stop: int, spans: Spans) -> tuple[bytes, int]:
    """Return text[start:stop] with these parts masked, and the number of their bytes."""
    begins, ends = spans
    # A look for one byte takes a fourth of the time of a look for two.
    may_be_json = text.find(b'"', start, stop) >= 0 and text.find(b'":', start, stop) >= 0
    if (
        not isinstance(begins, list)
        and not isinstance(ends, list)
        and stop - start < _DENSE_WORDS * len(begins)
    ):
        found = _overwritten(text, start, stop, begins, ends, may_be_json=may_be_json)
        if found is not None:
            return found, int((ends - begins).sum())
    begins, ends = as_lists(spans)
    pieces = [
        text[behind:begin] for behind, begin in zip([start, *ends], [*begins, stop], strict=True)
    ]
    if not may_be_json:
        replaced = MASKED.join(pieces)
        return replaced, stop - start + len(begins) * len(MASKED) - len(replaced)
    parts = pieces[:1]
    for begin, end, piece in zip(begins, ends, pieces[1:], strict=True):
        parts += _AS_TEXT if is_number_of_json(text, begin, end) else MASKED, piece
    return b"".join(parts), stop - start - sum(map(len, pieces))


def as_lists(spans: Spans) -> tuple[list[int], list[int]]:
    """Return the parts as lists, whichever they are."""
    begins, ends = spans
    if isinstance(begins, list) and isinstance(ends, list):
        return begins, ends
    return numpy.asarray(begins).tolist(), numpy.asarray(ends).tolist()


def is_number_of_json(text: bytes, begin: int, end: int) -> bool:
    """Return whether text[begin:end] is where a value of JSON without quotes stands, such as a number.

    As a text of JSON, an object stays an object, and its other fields are found.
    """
    # Most matches do not stand there.
    if text[end] not in _AFTER_VALUE or text[begin - 1] not in _BEFORE_VALUE:
        return False
    # The quotation mark has to end a key: before it, in the same line, stands what is no backslash.
    before = begin - 1
    while text[before] == _SPACE and before > 0:
        before -= 1
    if before < 2 or text[before - 1 : before + 1] != b'":' or text[before - 2] in b"\\\n":
        return False
    # A line ends with an LF.
    while text[end] == _SPACE:
        end += 1
    return text[end] in b",}"


def _overwritten(
    text: bytes, start: int, stop: int, begins: Array, ends: Array, *, may_be_json: bool
) -> bytes | None:
    """Return what `replace_spans` does; None if a match is too short, or their lengths too different.

    The replacement is written over the beginning of a match, and the rest of the match is left out. Most
    secrets have 16, 32, 36, 40 or 64 bytes: then whole words of four or eight bytes are left out, which
    takes a fourth or an eighth of the time. The word in which the replacement ends gets the bytes behind
    the match, and the words from there to these bytes go.
    """
    codes: Array = numpy.frombuffer(text, numpy.uint8)
    wide: Array = numpy.zeros(0, bool)
    if may_be_json:
        wide = _are_numbers_of_json(text, codes, begins, ends)
    is_wide = bool(wide.any())
    # Two matches have no word in common.
    gap = int((begins[1:] - ends[:-1]).min()) if len(begins) > 1 else _WORD
    begins, lengths = begins - start, ends - begins
    size: Array | int = numpy.where(wide, len(_AS_TEXT), len(MASKED)) if is_wide else len(MASKED)
    surplus: Array = lengths - size
    least, most = int(surplus.min()), int(surplus.max())
    if least < 0 or most - least >= _MOST_LENGTHS:
        return None
    different = [least] if least == most else numpy.flatnonzero(numpy.bincount(surplus)).tolist()
    # Bits of an offset in a word; a division takes several times as long as a shift.
    shift = next(
        bits for bits in (3, 2, 1, 0) if gap >> bits and not any(n % (1 << bits) for n in different)
    )
    whole = stop - start
    if shift < _FEW_BITS and whole > _DENSE_BYTES * len(begins):
        return None
    written: Array = numpy.empty((whole // _WORD + 1) * _WORD, numpy.uint8)
    written[:whole] = codes[start:stop]
    words: Array = written.view(f"u{1 << shift}")
    at: Array = begins + size
    at >>= shift
    words[at] = words[at + (least >> shift if least == most else surplus >> shift)]
    if is_wide:
        rows_from_each(written, len(_AS_TEXT))[begins[wide]] = numpy.void(_AS_TEXT)
        rows_from_each(written, len(MASKED))[begins[~wide]] = numpy.void(MASKED)
    else:
        rows_from_each(written, len(MASKED))[begins] = numpy.void(MASKED)
    is_kept: Array = numpy.ones(len(words), bool)
    at += 1
    for number in different:
        if width := number >> shift:
            those = at if least == most else at[surplus == number]
            rows_from_each(is_kept, width)[those] = numpy.void(bytes(width))
    left: Array = words[is_kept].view(numpy.uint8)
    return left[: whole - int(surplus.sum())].tobytes()


def _are_numbers_of_json(text: bytes, codes: Array, begins: Array, ends: Array) -> Array:
    """Return the answers of `is_number_of_json` for all matches."""
    # One space or none is usual between a key and its value, and none behind it.
    at = begins - 1
    at -= codes[at] == _SPACE
    before, behind = codes[at], codes[ends]
    found: Array = (before == _COLON) & (codes[at - 1] == _QUOTE)
    found &= (codes[at - 2] != _BACKSLASH) & (codes[at - 2] != _LF)
    unusual: Array = (at < 2) | (before == _SPACE) | (found & (behind == _SPACE))
    found &= (behind == _COMMA) | (behind == _BRACE)
    for number in numpy.flatnonzero(unusual).tolist():
        found[number] = is_number_of_json(text, int(begins[number]), int(ends[number]))
    return found
