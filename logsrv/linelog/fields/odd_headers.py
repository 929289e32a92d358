"""Find the lines of a text that may begin with an unusual header without a priority.

These are prefixes of container runtimes, headers of Cisco's devices, and those of files with a level;
`syslog_header.py` parses them.
"""

from __future__ import annotations

import re

import numpy

from logsrv.linelog.fields.level import LEVELS, OTHER_NAMES
from logsrv.linelog.fields.levels.byte_places import Array, indexes_of_true

_STREAMS = re.compile(rb" std(?:out|err) [PF]")
_LEVELS = b"|".join(name.encode() for name in OTHER_NAMES | dict.fromkeys(LEVELS))
_WITH_LEVEL = (
    rb"(?:[A-Z][a-z]{2} (?=[A-Z]))?[A-Z][a-z]{2} [ 0-9][0-9] [^\n]{0,40}?[0-9]{2}:[0-9]{2}:[0-9]{2}[^\n]{0,100}?"  # noqa: E501
    rb"[ .](?:" + _LEVELS + rb")(?:>| [^\s:\[]+[:\[])"
)
_has_level = re.compile(_WITH_LEVEL).match
may_begin = re.compile(
    rb"\[pod/|[A-Za-z0-9][A-Za-z0-9_.-]{0,127} +\| |[0-9-]{10}T[^ \n]+ std(?:out|err) [PF]"
    rb"|[0-9-]{10}T[0-9:]{8}\.[0-9]{9}|" + _WITH_LEVEL + rb"|(?:[^\n]{0,200}?[\s:])?%[A-Z]"
).match
"""Tell whether a message may begin with such a header."""


def lines_with_odd_headers(text: bytes, raw: Array, messages: Array, ends: Array) -> Array:
    """Return the numbers of these lines, and of a few more.

    raw: the bytes of the text, perhaps with padding. messages: where each message begins, -1 if unknown.
    """
    places = []
    if b"%" in text:
        at = indexes_of_true(raw == ord("%"))
        before, after = raw[at - 1], raw[numpy.minimum(at + 1, len(raw) - 1)]
        named = (before == ord(" ")) | (before == ord(":")) | (before == ord("\n"))
        places.append(at[named & (after - numpy.uint8(ord("A")) < 26)])
    if b"[pod/" in text or b" | " in text:
        at = indexes_of_true((raw == ord("|")) | (raw == ord("[")))
        after = raw[numpy.minimum(at + 1, len(raw) - 1)]
        places.append(at[(after == ord(" ")) | (after == ord("p"))])
    if b" std" in text:
        places.append(numpy.array([one.start() for one in _STREAMS.finditer(text)], numpy.int64))
    found = numpy.searchsorted(ends, numpy.concatenate([[], *places]).astype(numpy.int64))
    # Docker's nanoseconds.
    last = len(raw) - 1
    starts = numpy.maximum(messages, 0)
    timed = (raw[numpy.minimum(starts + 10, last)] == ord("T")) & (
        raw[numpy.minimum(starts + 19, last)] == ord(".")
    )
    timed &= raw[numpy.minimum(starts + 28, last)] - numpy.uint8(ord("0")) < 10
    dated = (raw[numpy.minimum(starts + 3, last)] == ord(" ")) & (
        raw[starts] - numpy.uint8(ord("A")) < 26
    )
    levels = [
        row for row in numpy.flatnonzero(dated).tolist() if _has_level(text, int(starts[row]))
    ]
    rows = (found[found < len(ends)], numpy.flatnonzero(timed), numpy.array(levels, numpy.int64))
    numbers = numpy.unique(numpy.concatenate(rows))
    known: Array = numbers[messages[numbers] >= 0]
    return known
