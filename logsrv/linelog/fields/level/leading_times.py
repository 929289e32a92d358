"""Find where many texts begin behind the time at their beginning, by the rules of `end_of_leading_time`.

What these would have to look at closely is unsure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import (
    DIGITS_AS_ZEROS,
    Array,
    RowShape,
    byte_membership_table,
    rows_at,
)
from logsrv.linelog.fields.level.first_words import NAME, first_words
from logsrv.linelog.fields.level.many import DATED
from logsrv.linelog.fields.level.one import AFTER_ZONE, BEFORE_CLOCK, BEHIND_CLOCK, LONGEST_ZONE

_DIGIT = byte_membership_table(b"0123456789")
_COLON, _OPEN, _CLOSE = b":[]"
_AFTER_CLOCK = 32
_MOST_BEFORE_COLON = 20
_BEHIND_CLOCK = byte_membership_table(BEHIND_CLOCK.encode())
_AFTER_ZONE = byte_membership_table(AFTER_ZONE.encode())
_CLOCK = RowShape(b"00:00:00")
_before_clock = re.compile(BEFORE_CLOCK.encode()).fullmatch


class TextStarts(NamedTuple):
    """The offsets at which texts begin. unsure: for which of them that is unsure."""

    at: Array
    unsure: Array


def ends_of_leading_times(raw: Array, starts: Array, rows: Array) -> TextStarts:
    """Return where each text goes on behind a time at its beginning, or where it begins without one.

    raw: the whole text, with PADDING behind it. starts: where the texts begin. rows: their beginnings.
    """
    at, unsure = starts.copy(), numpy.zeros(len(starts), bool)
    clock = _clock_columns(rows)
    chosen = numpy.flatnonzero(clock >= 0)
    if not len(chosen):
        return TextStarts(at, unsure)
    offset = starts[chosen] + clock[chosen] + 8
    opened = (rows[chosen, 0] == _OPEN).astype(int)
    offset, more, long = _skip_behind_clock(raw, offset)
    opened += more
    unsure[chosen] = long
    words = first_words(rows_at(raw, offset, NAME))
    zone = words.capital & (words.size > 0) & (words.size <= LONGEST_ZONE) & (words.number == 0)
    zone &= _AFTER_ZONE[raw[offset + words.size]]
    some = numpy.flatnonzero(zone)
    after, more, long = _skip_behind_clock(raw, offset[some] + words.size[some])
    offset[some] = after
    opened[some] += more
    unsure[chosen[some]] |= long
    # In `[06:18:42 main error]` the bracket goes on.
    at[chosen] = numpy.where(opened == 0, offset, starts[chosen])
    return TextStarts(at, unsure)


def _clock_columns(rows: Array) -> Array:
    """Return where the clock of a time at the beginning of each row is, or -1."""
    columns: Array = numpy.full(len(rows), -1)
    colons = rows[:, : _MOST_BEFORE_COLON + 5] == _COLON
    first = colons.argmax(1)
    likely = numpy.flatnonzero((first > 0) & (first <= _MOST_BEFORE_COLON))
    usual = numpy.zeros(len(rows), bool)
    for start in (0, 1):
        some = likely[first[likely] == start + 13]
        some = some[DATED.matching_rows(rows[some, start:])]
        if start:
            some = some[(rows[some, 0] == _OPEN) | (rows[some, 0] == ord("("))]
        columns[some] = start + 11
        usual[some] = True
    likely = likely[~usual[likely]]
    # The other forms: few of their dates differ, once each digit is a zero.
    width = _MOST_BEFORE_COLON + 2
    heads = rows[likely, :width].tobytes().translate(DIGITS_AS_ZEROS)
    columns[likely] = [
        _clock_column(heads[at * width : at * width + size + 1])
        for at, size in enumerate(first[likely].tolist())
    ]
    chosen = numpy.flatnonzero(columns >= 0)
    flat = rows.reshape(-1)
    offset = chosen * rows.shape[1] + columns[chosen]
    clocks = _CLOCK.matching_rows(rows_at(flat, offset, 8)) & ~_DIGIT[flat[offset + 8]]
    columns[chosen[~clocks]] = -1
    return columns


@lru_cache(maxsize=4096)
def _clock_column(head: bytes) -> int:
    """Return where the clock begins in a text that begins like this, up to its first colon; -1 for none."""
    if _before_clock(head[:-3]) and head[-3:] == b"00:":
        return len(head) - 3
    return len(head) if _before_clock(head) else -1


def _skip_behind_clock(raw: Array, at: Array) -> tuple[Array, Array, Array]:
    """Return where what may follow a clock ends; the brackets that it opens; whether it is too long."""
    rows = rows_at(raw, at, _AFTER_CLOCK + 8)
    now, following = rows[:, :_AFTER_CLOCK], rows[:, 1 : _AFTER_CLOCK + 1]
    opens = now == _OPEN
    others = ~(_BEHIND_CLOCK[now] | (opens & _DIGIT[following]))
    size = others.argmax(1)
    within = numpy.arange(_AFTER_CLOCK) < size[:, None]
    opened = (opens & within).sum(1) - ((now == _CLOSE) & within).sum(1)
    return at + size, opened, ~others.any(1)
