"""Find levels directly after the time at the beginning of many messages: a name in any case, or a letter.

The rules are those of `level._AT_THE_TIME`.
"""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.level import (
    AFTER_LEVEL,
    BETWEEN,
    CLINGING,
    MOST_BETWEEN,
    MOST_CLINGING,
    NOUNS,
    OF_LETTERS,
    RANK,
)
from logsrv.linelog.fields.levels.byte_places import Array, RowShape, byte_membership_table, rows_at
from logsrv.linelog.fields.levels.names import NAME, UNSURE, first_words

_DATE = b"0000-00-00 00:00:00"
# The separators of a date count as dashes, and the T before the time as a space.
DATED = RowShape(_DATE, bytes.maketrans(b"123456789/.T", b"000000000-- "))
_LOGCAT_TIME = b"00-00 00:00:00.000 "
_LOGCAT = RowShape(_LOGCAT_TIME)
_KLOG = RowShape(b"?0000 00:00:00.0")
_GLOG = RowShape(b"?00000000 00:00:00.0")
_OPENSTACK = RowShape(b"0000-00-00 00:00:00.000 ")
_BLUEGENE = RowShape(b"0000000000 0000.00.00 ")
_TOKEN = 39
_COLON, _BLANK = b": "
_CLINGING, _BETWEEN = (
    byte_membership_table(CLINGING.encode()),
    byte_membership_table(BETWEEN.encode()),
)
_AFTER_LEVEL = byte_membership_table(AFTER_LEVEL.encode() + b"\n")
_PIDS = byte_membership_table(b"0123456789 ")
_DIGIT = byte_membership_table(b"0123456789")
_SMALL = byte_membership_table(b"abcdefghijklmnopqrstuvwxyz")
_OF_LETTERS: Array = numpy.zeros(256, numpy.uint8)
_OF_LETTERS[[ord(letter) for letter in OF_LETTERS]] = [
    RANK[level] + 1 for level in OF_LETTERS.values()
]
_OF_KLOG = numpy.where(byte_membership_table(b"IWEF"), _OF_LETTERS, 0)
_NOUNS = [RANK[noun] + 1 for noun in NOUNS]


def levels_at_times(rows: Array) -> Array:
    """Return the number of the level after the time in each row, the beginning of a message.

    0 for none; UNSURE if a time of OpenStack or BlueGene is the second word.
    """
    found: Array = numpy.zeros(len(rows), numpy.uint8)
    for start in (0, 1):
        chosen = numpy.flatnonzero(_rows_with_byte_in_both(rows, _COLON, start + 13, start + 16))
        if start:
            first = rows[chosen, 0]
            chosen = chosen[(first == ord("[")) | (first == ord("("))]
        chosen = chosen[DATED.matching_rows(rows[chosen, start:])]
        if len(chosen):
            found[chosen] = _levels_named_after_time(rows[chosen], start + len(_DATE))
    for shape, colon, fraction in ((_GLOG, 12, 19), (_KLOG, 8, 15)):
        chosen = numpy.flatnonzero(_rows_with_byte_in_both(rows, _COLON, colon, colon + 3))
        klog = chosen[_OF_KLOG[rows[chosen, 0]] > 0]
        klog = klog[shape.matching_rows(rows[klog])]
        digits = (~_DIGIT[rows[klog, fraction : fraction + 10]]).argmax(1)
        klog = klog[(digits > 0) & (rows[klog, fraction + digits] == _BLANK)]
        found[klog] = _OF_KLOG[rows[klog, 0]]
    chosen = chosen[_LOGCAT.matching_rows(rows[chosen])]
    if len(chosen):
        found[chosen] = _levels_of_logcat(rows[chosen])
    found[_rows_with_second_word_time(rows)] = UNSURE
    return found


def _rows_with_second_word_time(rows: Array) -> Array:
    """Return the numbers of the rows with a time of OpenStack or BlueGene as their second word."""
    blanks = rows[:, : _TOKEN + 1] == _BLANK
    start = blanks.argmax(1) + 1
    flat = rows.reshape(-1)
    place = numpy.arange(len(rows)) * rows.shape[1] + start
    chosen = numpy.flatnonzero((flat[place + 10] == _BLANK) & (start > 1))
    heads = rows_at(flat, place[chosen], _OPENSTACK.width)
    found: Array = chosen[_OPENSTACK.matching_rows(heads) | _BLUEGENE.matching_rows(heads)]
    return found


def _rows_with_byte_in_both(rows: Array, byte: int, first: int, second: int) -> Array:
    """Return which rows have this byte in both columns."""
    found: Array = (rows[:, first] == byte) & (rows[:, second] == byte)
    return found


def _levels_named_after_time(rows: Array, at: int) -> Array:
    """Return the levels whose names follow a time that ends at column `at`; 0 for none."""
    start, ended = _end_of_run(rows, numpy.full(len(rows), at), _CLINGING, MOST_CLINGING)
    start, parted = _end_of_run(rows, start, _BETWEEN, MOST_BETWEEN)
    flat = rows.reshape(-1)
    place = numpy.arange(len(rows)) * rows.shape[1] + start
    words = first_words(rows_at(flat, place, NAME))
    word_end = place + words.size
    sentence = (flat[word_end] == ord(" ")) & _SMALL[flat[word_end + 1]]
    sure = (
        ended
        & parted
        & _AFTER_LEVEL[flat[word_end]]
        & ~(sentence & numpy.isin(words.number, _NOUNS))
    )
    return numpy.where(sure, words.number, 0)


def _end_of_run(rows: Array, start: Array, table: Array, most: int) -> tuple[Array, Array]:
    """Return where in each row the bytes of `table` end, from `start` on, and whether they are few enough.

    most: this many are few enough.
    """
    flat = rows.reshape(-1)
    row = numpy.arange(len(rows))
    others = ~table[rows_at(flat, row * rows.shape[1] + start, most + 1)]
    size = others.argmax(1)
    return start + size, others[row, size]


def _levels_of_logcat(rows: Array) -> Array:
    """Return the levels of the letters after the IDs of process and thread."""
    at, ended = _end_of_run(rows, numpy.full(len(rows), len(_LOGCAT_TIME)), _PIDS, MOST_CLINGING)
    row = numpy.arange(len(rows))
    after = rows[row, at + 1]
    sure = ended & (rows[row, at - 1] == ord(" ")) & ((after == ord(" ")) | (after == ord("/")))
    return numpy.where(sure, _OF_LETTERS[rows[row, at]], 0)
