"""Kinds of lines by how they begin, or by what stands in them: found in a text at once."""

from __future__ import annotations

import re

import numpy

from logsrv.linelog.fields.byte_places import Array, byte_membership_table
from logsrv.linelog.fields.servers import SSHD_WORDS
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.syslog_header import BEGIN
from logsrv.linelog.fields.text_starts import lines_with_odd_headers

PLAIN, OBJECT, HEADER, FILE = range(4)
_FIRST: Array = numpy.zeros(256, numpy.uint8)
_FIRST[ord("{")], _FIRST[ord("<")] = OBJECT, HEADER
_SPACE, _DASH = b" -"
_WHITE = b" \t\r"
_IS_WHITE = byte_membership_table(_WHITE)
_has_header = re.compile(BEGIN.encode()).match
_BEGIN = 4
_BEGINS = numpy.array([int.from_bytes(word[:_BEGIN].encode(), "little") for word in SSHD_WORDS],
                      numpy.uint32)  # fmt: skip
_DIGIT = byte_membership_table(b"0123456789")


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


def haproxy_time_ends(raw: Array, brackets: Array) -> Array:
    """Return the places of those closing brackets that are after milliseconds and before a space."""
    at = brackets[brackets >= 4]
    found: Array = at[(raw[at - 4] == ord(".")) & _DIGIT[raw[at - 1]] & (raw[at + 1] == ord(" "))]
    return found


def spaced_brackets(raw: Array, brackets: Array) -> Array:
    """Return the places of those closing brackets that are before two spaces."""
    at = brackets[: numpy.searchsorted(brackets, len(raw) - 2)]
    found: Array = at[(raw[at + 1] == _SPACE) & (raw[at + 2] == _SPACE)]
    return found


def lines_beginning_like_sshd(raw: Array, messages: Array) -> list[int]:
    fours: Array = numpy.ndarray((max(0, len(raw) - _BEGIN + 1),), "<u4", raw, 0, (1,))
    known = messages[: numpy.searchsorted(messages, len(fours))]
    found: list[int] = numpy.flatnonzero(numpy.isin(fours[known], _BEGINS)).tolist()
    return found
