"""Find where the texts of many messages begin behind the header of syslog, for the level alone.

It is apart from `many.py`, which reads the fields of headers: to count lines by level, only the offset
behind the header is needed. The rules are those of `parse_syslog_header`, for usual headers. What these
would have to look at closely is unsure.
"""

from __future__ import annotations

import re

import numpy

from logsrv.linelog.fields.byte_arrays import (
    Array,
    RowShape,
    byte_membership_table,
    rows_at,
)
from logsrv.linelog.fields.forms.header_words import FACILITIES, FACILITY, LEVEL
from logsrv.linelog.fields.level.first_words import NAME, first_words
from logsrv.linelog.fields.level.leading_times import TextStarts
from logsrv.linelog.fields.level.one import (
    MONTHS,
)

WIDTH = 64
"""Bytes of a word that are looked at; a longer one is unsure."""
PADDING = 6 * WIDTH
"""Bytes behind a text that are looked at."""
# A UniFi's MAC before its version: there the tag follows.
_MAC = 12
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = b"0123456789"
_DIGIT = byte_membership_table(_DIGITS)
_CAPITAL = byte_membership_table(_LETTERS[:26])
_LETTER_OR_DIGIT = byte_membership_table(_LETTERS + _DIGITS)
_IN_HOST = byte_membership_table(_LETTERS + _DIGITS + b"._-")
_BEGINS_TAG = byte_membership_table(_LETTERS + b"_/.(")
_BEGINS_ODD_TAG = byte_membership_table(_DIGITS + b"%")
_BEGINS_NEXT_WORD = byte_membership_table(_LETTERS[:26] + _DIGITS + b"(")
_ENDS_TAG = byte_membership_table(b' \t\n\r\f\v:[]="')
_ENDS_PID = byte_membership_table(b" \t\n\r\f\v]")
_SPACE, _COLON, _OPEN, _CLOSE = b" :[]"
_OLD = RowShape(b"??? ?0 00:00:00 ")
_NEW = RowShape(b"0000-00-00T00:00:00")
_WORDS_WITH_SPACE = [
    int.from_bytes(f"{word} ".encode(), "little")
    for word in (*MONTHS, "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
]
_BEGIN_FACILITY = [
    int.from_bytes(f"{name}."[:4].encode(), "little") for name in (*FACILITIES, "security")
]
_is_facility_and_level = re.compile(FACILITY + rb"\." + LEVEL + b" ").match
_BEGIN_FORWARDED = (b"From ", b"Message ")
_rfc5424 = re.compile(
    rb"1 (?:-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[!-~]+)(?: [!-~]+){4} - (?! |\xef)"
).match


def ends_of_file_headers(raw: Array, starts: Array, rows: Array, ends: Array) -> TextStarts:
    """Return where each message goes on behind the header of a file, or where it begins without one.

    raw: the text, with PADDING behind it. starts, ends: bounds of the messages. rows: their beginnings.
    """
    at, unsure = starts.copy(), numpy.zeros(len(starts), bool)
    chosen = numpy.flatnonzero((rows[:, 3] == _SPACE) | (rows[:, 10] == ord("T")))
    if not len(chosen):
        return TextStarts(at, unsure)
    rows = rows[chosen]
    first: Array = numpy.ascontiguousarray(rows[:, :4]).view("<u4")[:, 0]
    named = numpy.isin(first, _WORDS_WITH_SPACE)
    old = named & _OLD.matching_rows(rows) & (_DIGIT[rows[:, 4]] | (rows[:, 4] == _SPACE))
    new, size = _rfc3339_sizes(rows)
    # Weekdays, years and fractions are rare.
    unsure[chosen[named & ~old]] = True
    known = numpy.flatnonzero(old | new)
    chosen = chosen[known]
    host = starts[chosen] + numpy.where(old, 16, size)[known]
    found = _ends_of_host_and_tag(raw, host, ends[chosen])
    at[chosen] = numpy.where(found.at > 0, found.at, starts[chosen])
    unsure[chosen] = found.unsure
    return TextStarts(at, unsure)


def ends_of_headers(raw: Array, starts: Array, rows: Array, ends: Array) -> TextStarts:
    """Return where each message goes on behind a usual header, whose priority is before it.

    Takes what `ends_of_file_headers` takes; of RFC 5424, only a header without structured data is usual.
    """
    found = ends_of_file_headers(raw, starts, rows, ends)
    new = numpy.flatnonzero((rows[:, 0] == ord("1")) & (rows[:, 1] == _SPACE))
    for row in new.tolist():
        header = _rfc5424(raw[starts[row] : ends[row]].tobytes()[: 6 * WIDTH])
        if header:
            found.at[row] = starts[row] + header.end()
        found.unsure[row] = header is None
    return found


def _rfc3339_sizes(rows: Array) -> tuple[Array, Array]:
    """Return which rows begin with a time of RFC 3339 and a space, and the bytes of both."""
    line = numpy.arange(len(rows))
    fraction = rows[:, 19] == ord(".")
    digits = (~_DIGIT[rows[:, 20:31]]).argmax(1)
    zone = numpy.where(fraction, 20 + digits, 19)
    is_utc = rows[line, zone] == ord("Z")
    sign = (rows[line, zone] == ord("+")) | (rows[line, zone] == ord("-"))
    for column in (1, 2, 4, 5):
        sign &= _DIGIT[rows[line, zone + column]]
    sign &= rows[line, zone + 3] == _COLON
    end = zone + numpy.where(is_utc, 1, 6)
    good: Array = _NEW.matching_rows(rows) & (is_utc | sign) & (rows[line, end] == _SPACE)
    return good & (~fraction | ((digits > 0) & (digits < 10))), end + 1


def _ends_of_host_and_tag(raw: Array, host: Array, ends: Array) -> TextStarts:
    """Return where the text begins behind a host and a tag; 0 if they are none."""
    tag, good, unsure = _ends_of_hosts(raw, host)
    rows = rows_at(raw, tag, WIDTH)
    line = numpy.arange(len(rows))
    unsure |= good & _BEGINS_ODD_TAG[rows[:, 0]]
    good &= _BEGINS_TAG[rows[:, 0]]
    size = _ENDS_TAG[rows].argmax(1)
    after = rows[line, size]
    unsure |= good & (~_ENDS_TAG[after] | (rows[:, _MAC] == ord(",")))
    spaced = after == _SPACE
    # macOS has tags of several words.
    several = spaced & _BEGINS_NEXT_WORD[rows[line, numpy.minimum(size + 1, WIDTH - 1)]]
    unsure |= good & several & _have_bracket(raw, tag, ends)
    # A level, or a facility and a level, may stand before the tag.
    level = _are_levels(rows, size)
    dotted = ((rows == ord(".")) & (numpy.arange(WIDTH) < size[:, None])).any(1)
    unsure |= good & spaced & (rows[:, 0] >= ord("a")) & (level | dotted)
    end = _ends_of_tags(raw, tag + size, ends)
    unsure |= good & (end < 0)
    good &= ~level & (end > 0)
    # A NUL at the end, as it is or as `\x00`, is no part of the text.
    escaped = (raw[ends - 4] == ord("\\")) & (raw[ends - 1] == ord("0"))
    unsure |= good & ((raw[ends - 1] == 0) | escaped)
    return TextStarts(numpy.where(good, end, 0), unsure)


def _ends_of_hosts(raw: Array, starts: Array) -> tuple[Array, Array, Array]:
    """Return where the word behind each host begins, which words are hosts, and which are unsure."""
    rows = rows_at(raw, starts, WIDTH)
    size = (~_IN_HOST[rows]).argmax(1)
    after = rows[numpy.arange(len(rows)), size]
    good = _LETTER_OR_DIGIT[rows[:, 0]] & (after == _SPACE)
    unsure = (after == ord("/")) | (rows[:, 0] == ord("<")) | _IN_HOST[rows].all(1)
    # A zone, a year, or a sentence of a relay may be no host.
    short = (~_CAPITAL[rows[:, :6]]).argmax(1)
    numeric = (~_DIGIT[rows]).argmax(1)
    level = _are_levels(rows, size)
    end = starts + size + 1
    forwarded = _are_forwarded(rows) | _are_forwarded(rows_at(raw, end, WIDTH))
    unsure |= good & (((short == size) & ~level) | (numeric == size) | forwarded)
    unsure |= _are_facilities_with_levels(rows)
    return end, good & ~level, unsure


def _ends_of_tags(raw: Array, at: Array, ends: Array) -> Array:
    """Return where the text begins behind a PID and a colon; 0 without, -1 if the PID is too long."""
    rows = rows_at(raw, at + 1, WIDTH)
    size = _ENDS_PID[rows].argmax(1)
    after = rows[numpy.arange(len(rows)), size]
    bracketed = raw[at] == _OPEN
    offset = numpy.where(bracketed, at + 1 + size + 1, at)
    good = (bracketed & (after == _CLOSE)) | (raw[at] == _COLON)
    offset = offset + (raw[offset] == _COLON)
    good &= (raw[offset] == _SPACE) | (offset == ends)
    return numpy.where(
        bracketed & ~_ENDS_PID[after], -1, numpy.where(good, offset + (offset < ends), 0)
    )


def _are_levels(rows: Array, sizes: Array) -> Array:
    """Return which of the words at the beginning of rows are names of levels."""
    words = first_words(numpy.ascontiguousarray(rows[:, :NAME]))
    found: Array = (words.number > 0) & (words.size == sizes) & (words.capital | ~words.short)
    return found


def _are_facilities_with_levels(rows: Array) -> Array:
    """Return which rows begin with a word such as `daemon.err`."""
    first: Array = numpy.ascontiguousarray(rows[:, :4]).view("<u4")[:, 0]
    found: Array = numpy.isin(first, _BEGIN_FACILITY) & (rows[:, 3:9] == ord(".")).any(1)
    for row in numpy.flatnonzero(found).tolist():
        found[row] = _is_facility_and_level(rows[row].tobytes()) is not None
    return found


def _are_forwarded(rows: Array) -> Array:
    found: Array = numpy.zeros(len(rows), bool)
    for words in _BEGIN_FORWARDED:
        found |= (rows[:, : len(words)] == numpy.frombuffer(words, numpy.uint8)).all(1)
    return found


def _have_bracket(raw: Array, starts: Array, ends: Array) -> Array:
    """Return in which parts of a text there is an opening bracket."""
    at = numpy.flatnonzero(raw == _OPEN)
    found: Array = numpy.searchsorted(at, starts) < numpy.searchsorted(at, ends)
    return found


_LF = 0x0A
