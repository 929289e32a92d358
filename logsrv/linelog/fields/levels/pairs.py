"""Levels in lines of logfmt: `level=info` beside another pair, where nothing but that can be meant.

The same rules as `logfmt.parse_logfmt` and `level.of_fields`, for lines that have one field of those that
may hold a level, a bare name in it, and one more pair behind it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy

from logsrv.linelog.fields.levels.byte_places import Array, places, table_of, windows
from logsrv.linelog.fields.levels.names import NAME, named

WIDTH = 40
"""Bytes behind a name that are looked at."""
_BEGINS = table_of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_@")
_IN_KEY = table_of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-")
_QUOTE, _SPACE, _EQUALS, _LF = b'" =\n'


class Fields(NamedTuple):
    """The only field of each of some lines that may hold a level.

    at: where its name begins. value: where its value does. start, end: the bounds of the message.
    """

    at: Array
    value: Array
    start: Array
    end: Array


def levels_of_pairs(raw: Array, fields: Fields) -> Array:
    """Return the number of the level in each of these fields; 0 where it is not sure that it is meant.

    raw: the text, with WIDTH bytes behind it.
    """
    words = named(windows(raw, fields.value, NAME))
    behind = fields.value + words.size
    sure = (words.number > 0) & (raw[behind] == _SPACE) & _begins(raw, fields)
    found: Array = numpy.where(sure, words.number, 0).astype(numpy.uint8)
    chosen = numpy.flatnonzero(found)
    if len(chosen):
        fields, behind = Fields(*(each[chosen] for each in fields)), behind[chosen]
        found[chosen[~_beside_another(raw, fields, behind)]] = 0
    return found


def _begins(raw: Array, fields: Fields) -> Array:
    """Return whether a field begins where a pair can, and not in the header of RFC 5424."""
    sure: Array = (fields.at == fields.start) | (raw[fields.at - 1] == _SPACE)
    # Behind the priority that header has a number.
    for place in (2, 3, 4):
        number = raw[fields.start + place + 1] - numpy.uint8(ord("0")) < 10
        sure &= ~(number & (raw[fields.start + place] == ord(">")))
    return sure


def _beside_another(raw: Array, fields: Fields, behind: Array) -> Array:
    """Return whether another pair stands behind the field, and no quotes are around both."""
    rows = windows(raw, behind + 1, WIDTH)
    in_key = _IN_KEY[rows]
    size = (~in_key).argmax(1)
    line = numpy.arange(len(rows))
    value = behind + 1 + size + 1
    sure: Array = _BEGINS[rows[:, 0]] & (rows[line, size] == _EQUALS) & (size > 0)
    quotes = places(raw == _QUOTE)
    first = numpy.searchsorted(quotes, fields.start)
    before = numpy.searchsorted(quotes, fields.at) - first
    quotes = numpy.append(quotes, (len(raw) - 1, len(raw) - 1))
    # A quote ends a text, so it stands behind no equals sign: there it would begin one.
    closing = quotes[first + 1]
    sure &= (before == 0) | ((before == 2) & (raw[closing - 1] != _EQUALS))
    quoted = raw[numpy.minimum(value, len(raw) - 1)] == _QUOTE
    closed = quotes[numpy.minimum(first + before + 1, len(quotes) - 1)]
    after = raw[numpy.minimum(closed + 1, len(raw) - 1)]
    ended = (closed < fields.end) & ((after == _SPACE) | (after == _LF))
    sure &= ~quoted | ended
    return sure
