"""Find the levels of many lines of access logs at once, by their HTTP statuses.

It is apart from `many.py`, which reads all fields: to count lines by level, only the status is needed. The
rules are those of `parse_access` and `level_of_access_log`, for lines of nginx and Apache.
"""

from __future__ import annotations

import re

import numpy

from logsrv.linelog.fields.byte_arrays import (
    Array,
    RowShape,
    byte_membership_table,
    indexes_of_true,
    rows_at,
)
from logsrv.linelog.fields.forms.access.one import (
    CLIENT_BEHIND_VHOST,
    OF_OTHER_STATUS,
    OF_STATUS,
    VHOST,
    VHOST_PORT,
)
from logsrv.linelog.fields.level.one import LOOKED_AT
from logsrv.linelog.fields.level_names import RANK, UNSURE

_QUOTE, _SPACE, _DASH, _BACKSLASH = b'" -\\'


NO_ACCESS = 254
"""The number for a message of no access log."""
_TO_REQUEST = b'[00/???/0000:00:00:00 ?0000] "'
_TIME = RowShape(_TO_REQUEST)
_AFTER_REQUEST = 24
_DIGIT, _WHITE = byte_membership_table(b"0123456789"), byte_membership_table(b" \t\n\r\f\v")
_SMALL = byte_membership_table(b"abcdefghijklmnopqrstuvwxyz")
_begins_with_vhost = re.compile(
    f"{VHOST}(?::{VHOST_PORT})? {CLIENT_BEHIND_VHOST}[^ ]".encode()
).match
_LEVELS: Array = numpy.full(256, RANK[OF_OTHER_STATUS] + 1, numpy.uint8)
for _digit, _level in OF_STATUS.items():
    _LEVELS[ord(_digit)] = RANK[_level] + 1


def access_brackets(raw: Array) -> Array:
    """Return the offsets of brackets like that before the time in an access log."""
    at = indexes_of_true(raw == ord("["))
    found: Array = at[(raw[at - 1] == _SPACE) & _DIGIT[raw[at + 1]]]
    return found


def rows_with_access_times(
    raw: Array, brackets: Array, starts: Array, ends: Array
) -> tuple[Array, Array]:
    """Return which messages may have the time of an access log within LOOKED_AT bytes, and which later.

    brackets: as `access_brackets` returns them.
    """
    at = brackets[raw[brackets + 3] == ord("/")]
    row = numpy.searchsorted(ends, at)
    at, row = at[row < len(ends)], row[row < len(ends)]
    inside = at >= starts[row]
    # Only the first one in a message counts.
    rows, first = numpy.unique(row[inside], return_index=True)
    near = at[inside][first] - starts[rows] < LOOKED_AT
    return rows[near], rows[~near]


def levels_of_statuses(raw: Array, starts: Array, ends: Array) -> Array:
    """Return the number of the level of each message, by its HTTP status.

    UNSURE: the whole line has to be parsed. NO_ACCESS: its words count.

    raw: the text, with padding after it. starts, ends: bounds of the messages without their headers; the
    time of each begins within LOOKED_AT bytes.
    """
    rows = rows_at(raw, starts, LOOKED_AT)
    bracket = (rows == ord("[")).argmax(1)
    usual, elsewhere = _rows_with_client_tokens(rows, bracket)
    usual &= _have_time_at(raw, starts + bracket)
    request = starts + bracket + len(_TO_REQUEST)
    quotes = numpy.append(indexes_of_true(raw == _QUOTE), len(raw) - 1)
    close = quotes[numpy.minimum(numpy.searchsorted(quotes, request), len(quotes) - 1)]
    usual &= close + len('" 200 5') <= ends
    escapes = indexes_of_true(raw == _BACKSLASH)
    usual &= numpy.searchsorted(escapes, request) == numpy.searchsorted(escapes, close)
    status_text = rows_at(raw, numpy.where(usual, close, starts), _AFTER_REQUEST)
    usual &= _rows_with_status(status_text)
    found: Array = numpy.where(usual, _LEVELS[status_text[:, 2]], UNSURE)
    found[elsewhere] = NO_ACCESS
    return found


def _rows_with_client_tokens(rows: Array, bracket: Array) -> tuple[Array, Array]:
    """Return which rows have client, identity and user before the bracket, perhaps behind a virtual host,
    and which have other words, more than three.
    """
    before = numpy.arange(rows.shape[1]) < bracket[:, None]
    blank = (rows == _SPACE) & before
    number = blank.sum(1, dtype=numpy.uint8)
    apart = ~(blank[:, 1:] & blank[:, :-1]).any(1) & ~blank[:, 0]
    plain = ~((rows < _SPACE) & before).any(1)
    last = rows[numpy.arange(len(rows)), bracket - 1] == _SPACE
    with_vhost = numpy.zeros(len(rows), bool)
    four = numpy.flatnonzero((number == 4) & apart & plain)
    if len(four):
        with_vhost[four] = [_begins_with_vhost(row.tobytes()) is not None for row in rows[four]]
    known = (number == 3) | with_vhost
    # Behind a dash, the name of a user may have several words.
    elsewhere = (number > 3) & ~with_vhost & apart & plain
    some = numpy.flatnonzero(elsewhere)
    dashed = blank[some, :-2] & blank[some, 2:] & (rows[some, 1:-1] == _DASH)
    elsewhere[some] = ~dashed.any(1)
    return known & apart & last & plain, elsewhere


def _have_time_at(raw: Array, at: Array) -> Array:
    """Return for each offset whether an access log's time and the quote of a request stand there."""
    rows = rows_at(raw, at, _TIME.width)
    month = (rows[:, 4] - numpy.uint8(ord("A")) < 26) & _SMALL[rows[:, 5]] & _SMALL[rows[:, 6]]
    signed = (rows[:, 22] == ord("+")) | (rows[:, 22] == _DASH)
    found: Array = month & signed & _TIME.matching_rows(rows)
    return found


def _rows_with_status(status_text: Array) -> Array:
    """Return which rows have a status and a size; a row begins with the quote that ends the request."""
    known = (
        (status_text[:, 0] == _QUOTE)
        & (status_text[:, 1] == _SPACE)
        & (status_text[:, 5] == _SPACE)
    )
    known &= _DIGIT[status_text[:, 2:5]].all(1)
    size = status_text[:, 6:]
    digits = (~_DIGIT[size]).argmax(1)
    # A dash stands for an empty answer.
    digits[size[:, 0] == _DASH] = 1
    ended = _WHITE[size[numpy.arange(len(size)), digits]]
    found: Array = known & (digits > 0) & ended
    return found
