"""Columns of pairs, `key=value key="a value"`: lines with the same keys are split at these, all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy

from logsrv.kit.text.quoted_text import pattern_until
from logsrv.linelog.fields.byte_arrays import Array, indexes_of_true
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.forms.line_form import frequent, some_of
from logsrv.linelog.fields.forms.logfmt.one import find_pairs, unescape_value
from logsrv.linelog.fields.forms.split_lines import LONGEST_LINE, split_at
from logsrv.linelog.fields.stored_line import decode_stored

_LF, _EQUALS, _SPLIT = b"\n=\x1f"
_WORD = 8
_value_and_words = re.compile(
    '("' + pattern_until('"', never=r"\n") + r'",?|[^ \t\r\f\v\n"][^ \t\r\f\v\n]*|)'
    r'(?: [^ \t\r\f\v\n="]+)* ?'
).fullmatch
# A value without quotes has none of these, or not as a part of it.
_ODD = " ", '"', ",\n", "\t", "\f", "\v"


class PairLines(NamedTuple):
    """Lines with the same keys: their indexes, and the values by key."""

    at: Array
    columns: Mapping[str, CodedField]


def frequent_keys(lines: Sequence[bytes], least: int) -> list[tuple[str, ...]]:
    """Return the keys of many of the lines, the most frequent first. least: number of pairs in a line."""
    keys = [tuple(key for key, _, _ in find_pairs(decode_stored(line))) for line in some_of(lines)]
    return [each for each in frequent(keys, len(lines)) if len(each) >= least]


def read_pairs(
    keys: Sequence[str], lines: Sequence[bytes], wants: Callable[[str], bool]
) -> PairLines:
    """Return the lines that have a pair of each key, in this order, and words between them.

    wants: says whether the values of a key are needed.
    """
    signs = [b" " + key.encode() for key in keys]
    padding = b" " * (max(map(len, signs)) + _WORD)
    text = b"\n ".join([padding, *lines, b""])
    raw: Array = numpy.frombuffer(text, numpy.uint8)
    breaks = indexes_of_true(raw == _LF)
    starts, ends = breaks[:-1] + 2, breaks[1:]
    good = ends - starts < LONGEST_LINE
    for odd in b"\x1f\r":
        if odd in text:
            good[numpy.searchsorted(ends, indexes_of_true(raw == odd))] = False
    offsets = _offsets_of_keys(raw, breaks, signs)
    good &= (offsets[0] > 0) & (numpy.diff(offsets, axis=0) > 0).all(0)
    at = numpy.flatnonzero(good)
    if not len(at):
        return PairLines(at, {})
    plain = raw.copy()
    plain[offsets[:, at]] = _SPLIT
    split_text = plain.tobytes()
    bounds = zip(starts[at].tolist(), ends[at].tolist(), strict=True)
    pieces = [split_text[start:end] for start, end in bounds]
    known = numpy.ones(len(at), bool)
    columns = {}
    # Those of keys that are not wanted, too: there may be another pair behind the value.
    split = split_at(b"\n".join(pieces), len(keys) + 1, range(len(keys) + 1), _SPLIT)
    for column, (codes, texts, _) in split.items():
        # Behind the value are the space and the key of the next one.
        behind = len(keys[column]) + (column > 0) if column < len(keys) else 0
        before_keys = [text[: len(text) - behind] for text in texts] if behind else texts
        if not column:
            known &= numpy.array([*map(_are_words, before_keys)])[codes]
            continue
        values = _values(before_keys)
        if None in values:
            known &= numpy.array([value is not None for value in values])[codes]
        if wants(keys[column - 1]):
            columns[keys[column - 1]] = codes, [value or "" for value in values]
    return PairLines(
        at[known],
        {key: CodedField(codes[known], texts) for key, (codes, texts) in columns.items()},
    )


def _offsets_of_keys(raw: Array, breaks: Array, signs: Sequence[bytes]) -> Array:
    """Return the offset of the `=` behind each sign in each line; -1 if it is there never, or twice."""
    words: Array = numpy.ndarray((max(0, len(raw) - _WORD + 1),), "<u8", raw, 0, (1,))
    equals = indexes_of_true(raw == _EQUALS)
    bounds = numpy.searchsorted(equals, breaks)
    lines = numpy.repeat(numpy.arange(len(breaks) - 1), numpy.diff(bounds))
    before = words[equals - _WORD]
    found: Array = numpy.full((len(signs), len(breaks) - 1), -1)
    for of_sign, sign in zip(found, signs, strict=True):
        those = numpy.flatnonzero(_ends_with(before, sign))
        for done in range(_WORD, len(sign), _WORD):
            those = those[_ends_with(words[equals[those] - done - _WORD], sign[:-done])]
        of_sign[lines[those]] = equals[those]
        if len(those) != len(of_sign):
            of_sign[numpy.bincount(lines[those], minlength=len(of_sign)) != 1] = -1
    return found


def _ends_with(words: Array, sign: bytes) -> Array:
    """Return which words of eight bytes end as a sign does."""
    part = sign[-_WORD:]
    shift = numpy.uint64(8 * (_WORD - len(part)))
    found: Array = words >> shift == numpy.uint64(int.from_bytes(part, "little"))
    return found


def _are_words(text: str) -> bool:
    """Tell whether there are only words before the first key."""
    match = _value_and_words(f" {text}")
    return match is not None and not match[1]


def _values(texts: Sequence[str]) -> Sequence[str | None]:
    """Return the value at the beginning of each text; None if there are other things than words behind."""
    joined = "\n".join([*texts, ""])
    if not any(odd in joined for odd in _ODD):
        return texts
    if joined.count('"') == 2 * len(texts) and "\\" not in joined:
        values = joined[1:-2].split('"\n"')
        if len(values) == len(texts) and joined.startswith('"') and joined.endswith('"\n'):
            return values
    return [_value(match[1]) if (match := _value_and_words(text)) else None for text in texts]


def _value(text: str) -> str:
    text = text.removesuffix(",")
    return unescape_value(text[1:-1]) if text.startswith('"') else text
