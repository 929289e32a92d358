"""Read one field from many lines of `key=value`: find its name, and parse only its value.

Lines may keep it under another key: `service=shop` for `app`.
"""

from __future__ import annotations

import re

import numpy

from logsrv.linelog.fields.byte_places import Array, byte_membership_table, indexes_of_true
from logsrv.linelog.fields.record import ALIASES, IN_LOG_RECORDS
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import decode_stored
from logsrv.linelog.fields.values import Value

_KEY = rb"(?<!\S)[A-Za-z_@][A-Za-z0-9_.@-]*="
# A line up to and with a quote, if each quote in it begins or ends the value of a pair.
_QUOTED = re.compile(rb'(?:[^"\\]*' + _KEY + rb'"[^"\\]*"(?!\S))+').fullmatch
_ANOTHER = re.compile(_KEY + rb'[^\s"]').search
_VALUE = re.compile(rb'"([^"\\]*)",?(?!\S)|([^\s"]\S*)|(?!\S)').match
_SPACES = b" \t\n\r\f\v"
_IS_SPACE = byte_membership_table(_SPACES)


def places_in_messages(stamps: StampedLines, part: bytes) -> tuple[Array, Array]:
    """Return the places of `part` in messages, and the line of each place."""
    places = []
    at = stamps.text.find(part)
    while at >= 0:
        places.append(at)
        at = stamps.text.find(part, at + len(part))
    found: Array = numpy.array(places, numpy.int64)
    rows = numpy.searchsorted(stamps.ends, found)
    said = found >= stamps.messages[rows]
    return found[said], rows[said]


class PairReader:
    """A reader of the field called `name`."""

    def __init__(self, name: str) -> None:
        self._begin = name.encode("utf-8", "surrogateescape") + b"="

    def key_places(self, stamps: StampedLines) -> tuple[Array, Array]:
        """Return the places of `name=` in messages, and the line of each place."""
        return places_in_messages(stamps, self._begin)

    def pair_places(self, stamps: StampedLines) -> tuple[Array, Array]:
        """Return the same for those places where a word begins."""
        places, rows = self.key_places(stamps)
        bytes_ = numpy.frombuffer(stamps.text, numpy.uint8)
        # Place 0 has no byte before it: index -1 gives the last byte, an LF, which counts as a space.
        starts_word = _IS_SPACE[bytes_[places - 1]]
        return places[starts_word], rows[starts_word]

    def read_into(
        self, stamps: StampedLines, places: Array, rows: Array, column: list[Value | None]
    ) -> list[int]:
        """Put values into rows of a column; return the rows of lines that need a Record.

        places, rows: as returned by `pair_places`, for lines that are no objects and begin with no header.
        """
        twice = rows[1:][rows[1:] == rows[:-1]]
        once = ~numpy.isin(rows, twice)
        places, rows = places[once], rows[once]
        others: list[int] = numpy.unique(twice).tolist()
        # An access log has a time in brackets.
        may_be_access = b" [" in stamps.text
        text, size = stamps.text, len(self._begin)
        starts, ends = stamps.messages[rows].tolist(), stamps.ends[rows].tolist()
        for row, start, at, end in zip(rows.tolist(), starts, places.tolist(), ends, strict=True):
            value = _VALUE(text, at + size, end)
            if (
                value is None
                or (may_be_access and text.find(b" [", start, end) >= 0)
                or not _is_outside(text, start, at)
                # A single pair is no logfmt.
                or not (_ANOTHER(text, start, at) or _ANOTHER(text, value.end(), end))
            ):
                others.append(row)
            else:
                said = value[value.lastindex or 0]
                column[row] = decode_stored(
                    said.removesuffix(b",") if value.lastindex == 2 else said
                )
        return others


def _is_outside(text: bytes, start: int, at: int) -> bool:
    """Tell whether a place of a line is certainly outside of all quoted values."""
    quote = text.rfind(b'"', start, at)
    if quote < 0:
        return True
    return text[quote + 1] in _SPACES and _QUOTED(text, start, quote + 1) is not None


# Bytes before an equals sign that are compared first; no key is shorter.
_END = 3
_EQUALS = ord("=")


class AliasReader:
    """A reader of the field called `name`, one of ALIASES."""

    def __init__(self, name: str) -> None:
        self._pairs = [
            (_number_of_end(key), PairReader(key), key in IN_LOG_RECORDS) for key in ALIASES[name]
        ]
        self._ends: Array = numpy.unique([end for end, _, _ in self._pairs]).astype(numpy.uint32)

    def read_into(
        self, stamps: StampedLines, plain: Array, objects: Array, column: list[Value | None]
    ) -> set[int]:
        """Put values into the rows of a column without one; return the rows of lines that need a Record.

        plain: which lines are no objects and begin with no header. objects: which are objects.
        """
        others: set[int] = set()
        present = self._ends_in(stamps.text)
        for end, pairs, is_of_records in self._pairs:
            if end not in present:
                continue
            places, rows = pairs.pair_places(stamps)
            chosen = ~objects[rows]
            chosen &= numpy.array([column[row] is None for row in rows.tolist()], bool)
            readable = chosen & plain[rows] & (not is_of_records)
            others.update(rows[chosen & ~readable].tolist())
            others.update(pairs.read_into(stamps, places[readable], rows[readable], column))
        return others

    def _ends_in(self, text: bytes) -> set[int]:
        """Return the ends of the keys that a text may have."""
        if text.find(b"=") < 0:
            return set()
        raw: Array = numpy.frombuffer(text, numpy.uint8)
        at = indexes_of_true(raw == _EQUALS)
        at = at[at > _END]
        fours: Array = numpy.ndarray((max(0, len(raw) - _END),), "<u4", raw, 0, (1,))
        ends = fours[at - _END - 1] >> numpy.uint32(8)
        found: set[int] = set(ends[numpy.isin(ends, self._ends)].tolist())
        return found


def _number_of_end(key: str) -> int:
    return int.from_bytes(key[-_END:].encode(), "little")
