"""Read one field from many lines of `key=value`: find its name, and parse only its value."""

from __future__ import annotations

import re

import numpy

from logsrv.linelog.fields.levels.byte_places import Array, byte_membership_table
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored import decode_stored
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
