"""The forms that many lines may have, by how they begin: objects, headers, unusual headers.

It is apart from the forms because it tells them from each other.
"""

from __future__ import annotations

import re

import numpy

from logsrv.linelog.fields.byte_arrays import Array, byte_membership_table, indexes_of_true
from logsrv.linelog.fields.forms.container.many import are_of_containers
from logsrv.linelog.fields.forms.events.many import lines_with_events
from logsrv.linelog.fields.forms.events.one import may_have_events
from logsrv.linelog.fields.forms.syslog.one import BEGIN
from logsrv.linelog.fields.stamps import StampedLines

PLAIN, OBJECT, HEADER, FILE = range(4)
_FIRST: Array = numpy.zeros(256, numpy.uint8)
_FIRST[ord("{")], _FIRST[ord("<")] = OBJECT, HEADER
_SPACE, _DASH, _LF = b" -\n"
_WHITE = b" \t\r"
_IS_WHITE = byte_membership_table(_WHITE)
_has_header = re.compile(BEGIN.encode()).match


def kinds_of_lines(stamps: StampedLines) -> tuple[Array, set[int]]:
    """Return the kind of each line by its beginning, and the lines with a JSON object after white space."""
    bytes_ = numpy.frombuffer(stamps.text, numpy.uint8)
    firsts = bytes_[stamps.messages]
    kinds = _FIRST[firsts]
    white = numpy.flatnonzero(_IS_WHITE[firsts])
    others = {
        row
        for row, message in zip(white.tolist(), stamps.messages_of(white), strict=True)
        if message.lstrip(_WHITE).startswith(b"{")
    }
    # Only lines that begin like `Nov 20` or `2026-11-20T` are checked for a whole header.
    last = len(bytes_) - 1
    dated = bytes_[numpy.minimum(stamps.messages + 3, last)] == _SPACE
    dated |= (bytes_[numpy.minimum(stamps.messages + 4, last)] == _DASH) & (
        bytes_[numpy.minimum(stamps.messages + 10, last)] == ord("T")
    )
    for row in numpy.flatnonzero(dated & (kinds == PLAIN)).tolist():
        if _has_header(stamps.text, int(stamps.messages[row])):
            kinds[row] = FILE
    if (kinds == PLAIN).any():
        odd = lines_with_odd_headers(stamps.text, bytes_, stamps.messages, stamps.ends)
        kinds[odd[kinds[odd] == PLAIN]] = FILE
    return kinds, others


def lines_with_odd_headers(text: bytes, raw: Array, messages: Array, ends: Array) -> Array:
    """Return the numbers of these lines, and of a few more.

    raw: the bytes of the text, perhaps with padding. messages: where each message begins, -1 if unknown.
    """
    offsets = []
    if text.find(b"%") >= 0:
        named = raw[:-1] == ord("%")
        named &= raw[1:] - numpy.uint8(ord("A")) < 26
        at = indexes_of_true(named)
        before = raw[at - 1]
        offsets.append(at[(before == _SPACE) | (before == ord(":")) | (before == _LF) | (at == 0)])
    if text.find(b"|") >= 0:
        at = indexes_of_true(raw == ord("|"))
        offsets.append(at[raw[at - 1] == _SPACE])
    numbers_of_lines = [numpy.searchsorted(ends, at) for at in offsets]
    if may_have_events(text):
        numbers_of_lines.append(numpy.flatnonzero(lines_with_events(text, ends)))
    if text.find(b"[") >= 0:
        numbers_of_lines.append(numpy.flatnonzero(raw[messages] == ord("[")))
    last = len(raw) - 1
    timed = numpy.flatnonzero(raw[numpy.minimum(messages + 10, last)] == ord("T"))
    if len(timed):
        numbers_of_lines.append(timed[are_of_containers(raw, messages[timed])])
    if not any(map(len, numbers_of_lines)):
        return numpy.zeros(0, numpy.int64)
    numbers = numpy.unique(numpy.concatenate(numbers_of_lines))
    numbers = numbers[numbers < len(ends)]
    known: Array = numbers[messages[numbers] >= 0]
    return known
