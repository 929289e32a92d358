"""Find the lines of a text that may have fields of HAProxy, sshd or PostgreSQL: they need a Record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from logsrv.linelog.fields.access import ALL_NAMES
from logsrv.linelog.fields.levels.byte_places import Array, byte_membership_table, indexes_of_true
from logsrv.linelog.fields.pairs import places_in_messages
from logsrv.linelog.fields.programs import DURATION, SSHD_NAMES, SSHD_WORDS
from logsrv.linelog.fields.stamps import StampedLines

_BEGIN = 4
_BEGINS = numpy.array([int.from_bytes(word[:_BEGIN].encode(), "little") for word in SSHD_WORDS],
                      numpy.uint32)  # fmt: skip
_DIGIT = byte_membership_table(b"0123456789")


class ServerLineSearch:
    """A search for lines that may have one of the fields called `names`."""

    def __init__(self, names: Sequence[str]) -> None:
        self._haproxy = any(name in ALL_NAMES for name in names)
        self._sshd = any(name in SSHD_NAMES for name in names)
        self._duration = "duration" in names

    def find_rows(self, stamps: StampedLines, headed: Array) -> set[int]:
        """Return the numbers of the lines found. headed: numbers of the lines that begin with a header."""
        raw: Array = numpy.frombuffer(stamps.text, numpy.uint8)
        found: set[int] = set()
        if self._haproxy:
            found.update(numpy.searchsorted(stamps.ends, _haproxy_time_ends(raw)).tolist())
        if self._sshd:
            found.update(_lines_beginning_like_sshd(raw, stamps.messages))
            if b"sshd" in stamps.text:
                messages = zip(headed.tolist(), stamps.messages_of(headed), strict=True)
                found.update(row for row, message in messages if b"sshd" in message)
        if self._duration:
            found.update(places_in_messages(stamps, DURATION.encode())[1].tolist())
        return found


def _haproxy_time_ends(raw: Array) -> Array:
    """Return the places of a closing bracket after milliseconds and before a space."""
    at = indexes_of_true(raw == ord("]"))
    found: Array = at[(raw[at - 4] == ord(".")) & _DIGIT[raw[at - 1]] & (raw[at + 1] == ord(" "))]
    return found


def _lines_beginning_like_sshd(raw: Array, messages: Array) -> list[int]:
    fours: Array = numpy.ndarray((max(0, len(raw) - _BEGIN + 1),), "<u4", raw, 0, (1,))
    known = messages[: numpy.searchsorted(messages, len(fours))]
    found: list[int] = numpy.flatnonzero(numpy.isin(fours[known], _BEGINS)).tolist()
    return found
