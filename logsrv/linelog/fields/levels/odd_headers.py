"""Find the lines of a text that may begin with an unusual header without a priority.

These are prefixes of container runtimes, headers of Cisco's devices, and those of files with a level;
`syslog_header.py` parses them.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy

from logsrv.linelog.fields.header_words import FACILITIES, LEVEL, TIME
from logsrv.linelog.fields.levels.byte_places import U64, Array, indexes_of_true, rows_at
from logsrv.linelog.fields.levels.names import may_begin_level_name

# A level between the parts of a header in a file.
_WITH_LEVEL = (
    TIME.pattern
    + rb"(?:<|(?:[^\s:\[]+ +)?(?:(?:Message forwarded from|From) \S+ +)?"
    + rb"(?:[a-z0-7]+\.)?"
    + LEVEL
    + rb" +[^\s:\[]+[:\[])"
)
_has_level = re.compile(_WITH_LEVEL).match
_FACILITIES = frozenset((*FACILITIES, "security"))
_DOTS, _ONES, _HIGHEST = (U64(byte * 0x0101010101010101) for byte in (ord("."), 1, 0x80))
_SPACE, _LF = 0x20, 0x0A
# The bytes of a line between the shortest time and the last place where a container's text begins.
_AFTER_ISO_TIME, _WIDTH = 20, 24


def lines_with_odd_headers(text: bytes, raw: Array, messages: Array, ends: Array) -> Array:
    """Return the numbers of these lines, without those with a level, and of a few more.

    raw: the bytes of the text, perhaps with padding. messages: where each message begins, -1 if unknown.
    """
    places = []
    if text.find(b"%") >= 0:
        named = raw[:-1] == ord("%")
        named &= raw[1:] - numpy.uint8(ord("A")) < 26
        at = indexes_of_true(named)
        before = raw[at - 1]
        places.append(at[(before == _SPACE) | (before == ord(":")) | (before == _LF) | (at == 0)])
    if text.find(b"|") >= 0:
        at = indexes_of_true(raw == ord("|"))
        places.append(at[raw[at - 1] == _SPACE])
    found = [numpy.searchsorted(ends, at) for at in places]
    if text.find(b"[") >= 0:
        found.append(numpy.flatnonzero(raw[messages] == ord("[")))
    last = len(raw) - 1
    timed = numpy.flatnonzero(raw[numpy.minimum(messages + 10, last)] == ord("T"))
    if len(timed):
        found.append(timed[_are_of_containers(raw, messages[timed])])
    if not any(map(len, found)):
        return numpy.zeros(0, numpy.int64)
    numbers = numpy.unique(numpy.concatenate(found))
    numbers = numbers[numbers < len(ends)]
    known: Array = numbers[messages[numbers] >= 0]
    return known


def _are_of_containers(raw: Array, messages: Array) -> Array:
    """Return which of these messages, with a time of RFC 3339, may be lines of containers."""
    whole = messages + _AFTER_ISO_TIME + _WIDTH <= len(raw)
    found: Array = ~whole
    rows = rows_at(raw, messages[whole] + _AFTER_ISO_TIME, _WIDTH)
    nanoseconds = (rows[:, :9] - numpy.uint8(ord("0")) < 10).all(1)
    after_space, next_byte = rows[:, 1:-1], rows[:, 2:]
    begins = rows[:, :-2] == _SPACE
    begins &= ((after_space == ord("s")) & (next_byte == ord("t"))) | (after_space == ord("{"))
    found[whole] = nanoseconds | begins.any(1)
    return found


def rows_with_levels_in_headers(rows: Array) -> Array:
    """Return the numbers of the rows that begin with the header of a file that has a level.

    rows: the beginnings of messages; a multiple of eight bytes of each.
    """
    dated = (rows[:, 3] == _SPACE) & (rows[:, 0] - numpy.uint8(ord("A")) < 26)
    dated |= rows[:, 10] == ord("T")
    chosen = numpy.flatnonzero(dated)
    if not len(chosen):
        return chosen
    width = rows.shape[1]
    flat: Array = numpy.zeros(len(chosen) * width + width, numpy.uint8)
    flat[: len(chosen) * width] = rows[chosen].reshape(-1)
    # The first two words after the time: one may be the level, the other the host.
    first = numpy.arange(15, len(chosen) * width, width)
    first += (rows_at(flat, first, _WIDTH) == _SPACE).argmax(1) + 1
    second = first + (rows_at(flat, first, 2 * _WIDTH) == _SPACE).argmax(1) + 1
    likely = _may_be_level(flat, first) | _may_be_level(flat, second) | _is_zone(flat, first)
    some = numpy.flatnonzero(likely).tolist()
    with_level = [row for row in some if _has_level(flat[row * width :][:width].tobytes())]
    odd: Array = chosen[with_level]
    return odd


def _may_be_level(flat: Array, at: Array) -> Array:
    """Return which words may be a level, `FACILITY.LEVEL` or `<FACILITY.LEVEL>`."""
    eights: Array = numpy.ndarray((len(flat) - 7,), "<u8", flat, 0, (1,))[at]
    found: Array = may_begin_level_name(eights.astype(numpy.uint32)) | (flat[at] == ord("<"))
    # The zero byte of a word, as in Hacker's Delight: where a dot stands.
    dots = eights ^ _DOTS
    dots = (dots - _ONES) & ~dots & _HIGHEST
    # `authpriv` and `security` fill the eight bytes.
    named = numpy.flatnonzero(((dots != 0) | (flat[at + 8] == ord("."))) & (flat[at] >= ord("a")))
    if len(named):
        words = eights[named].tolist()
        of_facilities = {word for word in set(words) if _begins_facility(word)}
        found[named[[word in of_facilities for word in words]]] = True
    return found


@lru_cache(maxsize=4096)
def _begins_facility(word: int) -> bool:
    return word.to_bytes(8, "little").partition(b".")[0].decode("latin-1") in _FACILITIES


def _is_zone(flat: Array, at: Array) -> Array:
    """Return which words may be a zone or a year."""
    capitals = (flat[at] - numpy.uint8(ord("A")) < 26) & (flat[at + 1] - numpy.uint8(ord("A")) < 26)
    years = (flat[at + 4] == _SPACE) & (flat[at] - numpy.uint8(ord("1")) < 2)
    found: Array = capitals | years
    return found
