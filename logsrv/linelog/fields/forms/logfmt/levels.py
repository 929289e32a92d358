"""Find the levels in pairs of many lines at once: `level=info` of logfmt.

It is apart from `many.py`, which reads all pairs: to count lines by level, no other pair is needed. The
rules are those of `parse_logfmt` and of `level_of_fields`, for lines with exactly one field that may hold a
level, an unquoted name in it, and another pair after it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import Array, byte_membership_table, indexes_of_true, rows_at
from logsrv.linelog.fields.level.first_words import NAME, first_words

WIDTH = 40
"""Bytes after a name that are checked."""
_QUOTE, _SPACE, _EQUALS, _LF = b'" =\n'
_BEGINS = byte_membership_table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_@")
_IN_KEY = byte_membership_table(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-"
)


class LevelFields(NamedTuple):
    """Fields that may hold a level, the only one of its line each, as offsets in the text.

    at: where its name begins. value: where its value begins.
    message_start, message_end: bounds of the line's message.
    """

    at: Array
    value: Array
    message_start: Array
    message_end: Array


def levels_of_pairs(raw: Array, fields: LevelFields) -> Array:
    """Return the number of the level in each field; 0 if the field may mean something else.

    raw: the text, with WIDTH more bytes.
    """
    words = first_words(rows_at(raw, fields.value, NAME))
    value_end = fields.value + words.size
    sure = (words.number > 0) & (raw[value_end] == _SPACE) & _fields_at_word_start(raw, fields)
    found: Array = numpy.where(sure, words.number, 0).astype(numpy.uint8)
    chosen = numpy.flatnonzero(found)
    if len(chosen):
        fields, value_end = LevelFields(*(each[chosen] for each in fields)), value_end[chosen]
        found[chosen[~_fields_beside_another(raw, fields, value_end)]] = 0
    return found


def _fields_at_word_start(raw: Array, fields: LevelFields) -> Array:
    """Return which fields are at the message's beginning or after a space, without a header of RFC 5424."""
    sure: Array = (fields.at == fields.message_start) | (raw[fields.at - 1] == _SPACE)
    # The header of RFC 5424 has a number after the priority.
    for column in (2, 3, 4):
        number = raw[fields.message_start + column + 1] - numpy.uint8(ord("0")) < 10
        sure &= ~(number & (raw[fields.message_start + column] == ord(">")))
    return sure


def _fields_beside_another(raw: Array, fields: LevelFields, value_end: Array) -> Array:
    """Return which fields have another pair directly after them, with no quotes around both."""
    rows = rows_at(raw, value_end + 1, WIDTH)
    in_key = _IN_KEY[rows]
    size = (~in_key).argmax(1)
    line = numpy.arange(len(rows))
    value = value_end + 1 + size + 1
    sure: Array = _BEGINS[rows[:, 0]] & (rows[line, size] == _EQUALS) & (size > 0)
    quotes = indexes_of_true(raw == _QUOTE)
    first = numpy.searchsorted(quotes, fields.message_start)
    before = numpy.searchsorted(quotes, fields.at) - first
    quotes = numpy.append(quotes, (len(raw) - 1, len(raw) - 1))
    # A closing quote cannot follow an equals sign: there a quote opens a value.
    closing = quotes[first + 1]
    sure &= (before == 0) | ((before == 2) & (raw[closing - 1] != _EQUALS))
    quoted = raw[numpy.minimum(value, len(raw) - 1)] == _QUOTE
    closed = quotes[numpy.minimum(first + before + 1, len(quotes) - 1)]
    after = raw[numpy.minimum(closed + 1, len(raw) - 1)]
    ended = (closed < fields.message_end) & ((after == _SPACE) | (after == _LF))
    sure &= ~quoted | ended
    return sure
