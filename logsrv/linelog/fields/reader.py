"""Read chosen fields from all lines of a text: the messages of each kind together.

JSON objects, syslog headers, access logs and pairs in their usual forms are read without a Record. A line
that may have a field in any other form becomes a Record.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy

from logsrv.kit.text.colours import has_colours, without_colours
from logsrv.linelog.fields.byte_places import Array, byte_membership_table, indexes_of_true
from logsrv.linelog.fields.objects import ObjectReader
from logsrv.linelog.fields.one_pass import AccessReader, HeaderReader
from logsrv.linelog.fields.pairs import AliasReader, PairReader, places_in_messages
from logsrv.linelog.fields.record import ALIASES, ALWAYS, Record
from logsrv.linelog.fields.servers import (
    ACCESS_NAMES,
    ALL_ACCESS_NAMES,
    DURATION,
    SSHD_NAMES,
    SSHD_WORDS,
    STATUS_CLASS,
    class_of_status,
)
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.syslog_header import BEGIN
from logsrv.linelog.fields.text_starts import lines_with_odd_headers
from logsrv.linelog.fields.values import Value

_BEGIN = 4
_BEGINS = numpy.array([int.from_bytes(word[:_BEGIN].encode(), "little") for word in SSHD_WORDS],
                      numpy.uint32)  # fmt: skip
_DIGIT = byte_membership_table(b"0123456789")


class ServerLineSearch:
    """A search for lines that may have one of the fields called `names`."""

    def __init__(self, names: Sequence[str]) -> None:
        self._haproxy = any(name in ALL_ACCESS_NAMES for name in names)
        self._sshd = any(name in SSHD_NAMES for name in names)
        self._duration = "duration" in names

    def find_rows(self, stamps: StampedLines, headed: Array) -> set[int]:
        """Return the numbers of the lines found. headed: numbers of the lines that begin with a header."""
        raw: Array = numpy.frombuffer(stamps.text, numpy.uint8)
        found: set[int] = set()
        if self._haproxy:
            found.update(numpy.searchsorted(stamps.ends, haproxy_time_ends(raw)).tolist())
        if self._sshd:
            found.update(lines_beginning_like_sshd(raw, stamps.messages))
            if b"sshd" in stamps.text:
                messages = zip(headed.tolist(), stamps.messages_of(headed), strict=True)
                found.update(row for row, message in messages if b"sshd" in message)
        if self._duration:
            found.update(places_in_messages(stamps, DURATION.encode())[1].tolist())
        return found


def haproxy_time_ends(raw: Array) -> Array:
    """Return the places of a closing bracket after milliseconds and before a space."""
    at = indexes_of_true(raw == ord("]"))
    at = at[at >= 4]
    found: Array = at[(raw[at - 4] == ord(".")) & _DIGIT[raw[at - 1]] & (raw[at + 1] == ord(" "))]
    return found


def lines_beginning_like_sshd(raw: Array, messages: Array) -> list[int]:
    fours: Array = numpy.ndarray((max(0, len(raw) - _BEGIN + 1),), "<u4", raw, 0, (1,))
    known = messages[: numpy.searchsorted(messages, len(fours))]
    found: list[int] = numpy.flatnonzero(numpy.isin(fours[known], _BEGINS)).tolist()
    return found


Column: TypeAlias = list[Value | None]
"""The values of one field in all lines, None for a line without it."""

PLAIN, OBJECT, HEADER, FILE, _DONE = range(5)
_FIRST: Array = numpy.zeros(256, numpy.uint8)
_FIRST[ord("{")], _FIRST[ord("<")] = OBJECT, HEADER
_SPACE, _DASH = b" -"
_WHITE = b" \t\r"
_IS_WHITE = byte_membership_table(_WHITE)
_has_header = re.compile(BEGIN.encode()).match
# Names that are written without escapes in every kind of line; with others, each line becomes a Record.
_USUAL = re.compile(r"[A-Za-z0-9_@-]+(?:\.[A-Za-z0-9_@-]+)*")
# The text before the request in every line of an access log.
_OF_ACCESS = b'] "'


class _Keys(NamedTuple):
    """The places of `name=` at the beginning of words, for the name of one column."""

    column: int
    pairs: PairReader
    places: Array
    rows: Array


class FieldReader:
    """A reader of the fields called `names`: any field but `position`.

    as_written: those whose decimals are read with the sender's text, which takes longer.
    """

    def __init__(self, names: Sequence[str], as_written: Collection[str] = ()) -> None:
        self._class_place = names.index(STATUS_CLASS) if STATUS_CLASS in names else None
        self.names = names = [*names, *(["status"] if self._class_place is not None else [])]
        self._is_usual = all(_USUAL.fullmatch(name) and name not in ALWAYS for name in names)
        inner = [name.removeprefix("fields.") for name in names]
        self._as_written = as_written
        self._objects = ObjectReader(names, as_written)
        self._headers = HeaderReader(names)
        self._access = AccessReader(names)
        self._of_access = {place for place, name in enumerate(inner) if name in ACCESS_NAMES}
        self._servers = ServerLineSearch(inner)
        self._pairs = [
            (place, PairReader(name))
            for place, name in enumerate(inner)
            if not name.startswith("syslog.")
        ]
        self._aliases = [
            (place, AliasReader(name)) for place, name in enumerate(names) if name in ALIASES
        ]
        # In structured data of RFC 5424, only the last part of a name stands before the `=`.
        ends = sorted({name.rpartition(".")[2] for name in names})
        self._ends = [end.encode() for end in ends]
        self._signs = [PairReader(end) for end in ends]
        self._odd = [PairReader(name) for name in names if name.startswith("fields.")]

    def read(self, stamps: StampedLines) -> list[Column]:
        """Return a column for each name, in their order."""
        columns: list[Column] = [[None] * len(stamps) for _ in self.names]
        others: Iterable[int] = range(len(stamps))
        if self._is_usual and len(stamps):
            plain = (
                StampedLines(without_colours(stamps.text)) if has_colours(stamps.text) else stamps
            )
            # No line may get a stamp by that.
            if numpy.array_equal(plain.stamped, stamps.stamped):
                others = self._fill_columns(plain, columns)
        for row in others:
            record = Record(stamps.line(row))
            for name, column in zip(self.names, columns, strict=True):
                column[row] = record.get(name, as_written=name in self._as_written)
        if self._class_place is not None:
            classes, statuses = columns[self._class_place], columns.pop()
            classes[:] = [
                class_of_status(status) if value is None else value
                for value, status in zip(classes, statuses, strict=True)
            ]
        return columns

    def _fill_columns(self, stamps: StampedLines, columns: list[Column]) -> set[int]:
        """Fill columns; return the lines that need a Record."""
        kinds, others = kinds_of_lines(stamps)
        self._fill_from_objects(stamps, kinds, columns)
        headed = numpy.flatnonzero((kinds == HEADER) | (kinds == FILE))
        others |= self._servers.find_rows(stamps, headed)
        if self._headers.wanted:
            others |= self._fill_from_headers(stamps, headed[kinds[headed] == HEADER], columns)
            others.update(headed[kinds[headed] == FILE].tolist())
        else:
            others |= self._lines_with_objects(stamps, headed)
        keys = [_Keys(place, pairs, *pairs.pair_places(stamps)) for place, pairs in self._pairs]
        if self._has_access_logs(stamps, keys):
            if self._of_access:
                others.update(_rows_containing(stamps, headed, _OF_ACCESS))
            others |= self._fill_from_access_logs(stamps, kinds, columns)
        others |= self._fill_from_pairs(stamps, kinds, keys, columns)
        for place, aliases in self._aliases:
            if None in columns[place]:
                others |= aliases.read_into(stamps, kinds == PLAIN, kinds == OBJECT, columns[place])
        return others

    def _fill_from_objects(self, stamps: StampedLines, kinds: Array, columns: list[Column]) -> None:
        """Fill columns from JSON objects; set the kind of other lines that begin with `{` to plain."""
        rows = numpy.flatnonzero(kinds == OBJECT)
        if not len(rows) or not (
            self._objects.may_have_fields(stamps.text) or _OF_ACCESS in stamps.text
        ):
            return
        others = self._objects.read_into(stamps.messages_of(rows), rows.tolist(), columns)
        kinds[others] = PLAIN

    def _fill_from_headers(
        self, stamps: StampedLines, rows: Array, columns: list[Column]
    ) -> set[int]:
        if not len(rows):
            return set()
        lines = rows.tolist()
        if not self._headers.can_read:
            return set(lines)
        found, others = self._headers.read(b"\n".join([*stamps.messages_of(rows), b""]))
        for place, column in found:
            _fill_column(columns[place], lines, column)
        return {lines[number] for number, _ in others}

    def _lines_with_objects(self, stamps: StampedLines, rows: Array) -> set[int]:
        """Return the lines that may have one of the fields in JSON after a header."""
        if b"{" not in stamps.text:
            return set()
        return {
            row
            for row in _rows_containing(stamps, rows, b"{")
            if any(part in stamps.line(row) for part in (*self._ends, b"\\u"))
        }

    def _has_access_logs(self, stamps: StampedLines, keys: list[_Keys]) -> bool:
        """Tell whether there may be access logs with one of the fields."""
        rows = (row for each in keys for row in each.rows.tolist())
        if not self._of_access and not any(len(each.rows) for each in keys):
            return False
        # The bracket alone is found ten times as fast.
        if b"[" not in stamps.text or _OF_ACCESS not in stamps.text:
            return False
        return bool(self._of_access) or any(_OF_ACCESS in stamps.line(row) for row in rows)

    def _fill_from_access_logs(
        self, stamps: StampedLines, kinds: Array, columns: list[Column]
    ) -> set[int]:
        """Fill columns from access logs, and mark these lines as done; return lines that need a Record."""
        rows = numpy.flatnonzero(kinds == PLAIN)
        lines = rows.tolist()
        whole = len(lines) == len(stamps)
        text = stamps.text if whole else b"\n".join([*map(stamps.line, lines), b""])
        found, unread = self._access.read(text)
        kinds[rows] = _DONE
        kinds[rows[[number for number, _ in unread]]] = PLAIN
        for place, column in found:
            _fill_column(columns[place], lines, column)
        return {lines[number] for number, line in unread if _OF_ACCESS in line}

    def _fill_from_pairs(
        self, stamps: StampedLines, kinds: Array, keys: list[_Keys], columns: list[Column]
    ) -> set[int]:
        others: set[int] = set()
        for place, pairs, places, rows in keys:
            kind = kinds[rows]
            plain = kind == PLAIN
            others.update(pairs.read_into(stamps, places[plain], rows[plain], columns[place]))
            if place in self._of_access:
                # A field that the access log lacks may be a pair behind it.
                others.update(rows[kind == _DONE].tolist())
        for pairs in self._odd:
            others.update(pairs.key_places(stamps)[1].tolist())
        if ((kinds == HEADER) | (kinds == FILE)).any():
            for sign in self._signs:
                rows = sign.key_places(stamps)[1]
                others.update(rows[(kinds[rows] == HEADER) | (kinds[rows] == FILE)].tolist())
        return others


def _fill_column(column: Column, lines: list[int], values: Sequence[str | None]) -> None:
    if len(lines) == len(column):
        column[:] = values
        return
    for row, value in zip(lines, values, strict=True):
        column[row] = value


def _rows_containing(stamps: StampedLines, rows: Array, part: bytes) -> list[int]:
    messages = zip(rows.tolist(), stamps.messages_of(rows), strict=True)
    return [row for row, message in messages if part in message]


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
