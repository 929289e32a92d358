"""Find the lines of a text that may begin with an unusual header without a priority.

These are prefixes of container runtimes and headers of Cisco's devices; `syslog_header.py` parses them.
"""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.levels.byte_places import Array, indexes_of_true, rows_at

_SPACE, _LF = 0x20, 0x0A
# The bytes of a line between the shortest time and the last place where a container's text begins.
_AFTER_ISO_TIME, _WIDTH = 20, 24


def lines_with_odd_headers(text: bytes, raw: Array, messages: Array, ends: Array) -> Array:
    """Return the numbers of these lines, and of a few more.

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
