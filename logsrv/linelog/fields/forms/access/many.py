"""Columns of access logs: lines of the usual forms are split at their quotes and spaces, all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import (
    PADDING,
    Array,
    PaddedLines,
    RowShape,
    byte_membership_table,
    indexes_of_true,
    rows_at,
)
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.forms.access.one import CLIENT_BEHIND_VHOST, VHOST, VHOST_PORT
from logsrv.linelog.fields.forms.split_lines import LONGEST_LINE, split_words

_TIME, _STATUS = b' [00/Aaa/0000:00:00:00 +0000] "', b'" 000 '
_SAME = bytes.maketrans(
    b"123456789BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz-",
    b"000000000AAAAAAAAAAAAAAAAAAAAAAAAAaaaaaaaaaaaaaaaaaaaaaaaaa+",
)
_of_time, _of_status = RowShape(_TIME, _SAME).matching_rows, RowShape(_STATUS + b"??").matching_rows
_WIDTH = PADDING
"""Bytes of a time, and those from a status to the end of a size, that are looked at."""
_FEW_DIGITS = 8
_DIGIT = byte_membership_table(b"0123456789")
_LF, _SPACE, _QUOTE = b'\n "'
# The spaces before a request, and the quotes in a line with a referer.
_SPACES, _LONG = 5, 6
_vhost = re.compile(f"{VHOST}(?::{VHOST_PORT})?").fullmatch
_client = re.compile(CLIENT_BEHIND_VHOST, re.ASCII).match
_TESTS: dict[str, Callable[[str], Any]] = {
    "method": re.compile(r"[A-Za-z_-]*[A-Za-z]").fullmatch,
    "path": re.compile(r"\S").match,
    "protocol": re.compile(r"HTTP/[0-9.]+").fullmatch,
}
_TESTS_BEHIND_VHOST = _TESTS | {"vhost": _vhost, "client": lambda text: _client(f"{text} ")}
# In a line in which the quotes around the request are replaced by spaces.
_BEFORE_REQUEST = "<"
_COLUMNS = (
    *("client", "", "user", "", "", _BEFORE_REQUEST),
    *("method", "path", "protocol", "", "status", "bytes"),
)
_QUOTED_COLUMNS = ("referer", "agent")


class _CutLines(NamedTuple):
    """Lines: their indexes, starts, the ends of their fields, their own.

    plain: the text with spaces for the quotes around requests.
    """

    text: bytes
    plain: bytearray
    at: Array
    starts: Array
    stops: Array
    ends: Array

    def chosen(self, those: Array) -> _CutLines:
        at, starts, stops, ends = (each[those] for each in self[2:])
        return _CutLines(self.text, self.plain, at, starts, stops, ends)

    def fields(self) -> bytes | bytearray:
        """Return the fields of each line, with an LF between two."""
        if (self.starts[1:] == self.stops[:-1] + 1).all():
            # Nearly always there is nothing else.
            return self.plain[int(self.starts[0]) : int(self.stops[-1])]
        bounds = zip(self.starts.tolist(), self.stops.tolist(), strict=True)
        return b"\n".join([self.plain[start:stop] for start, stop in bounds])

    def rest(self) -> dict[int, bytes]:
        """Return what is behind the fields, by index, of the lines that have more."""
        those = numpy.flatnonzero(self.stops < self.ends).tolist()
        return {n: self.text[self.stops[n] + 1 : self.ends[n]] for n in those}


class AccessLines(NamedTuple):
    """Lines of a form: their indexes, the columns of their fields, and what some have behind these.

    A text is `-` if the line lacks the field.
    """

    at: Array
    columns: Mapping[str, CodedField]
    rest: Mapping[int, bytes]


def read_access_lines(lines: PaddedLines, wants: Callable[[str], bool]) -> Iterator[AccessLines]:
    """Yield the lines of usual forms: common and combined, with and without a virtual host.

    wants: says whether a field is needed.
    """
    text, raw, starts, ends = lines
    quotes = indexes_of_true(raw == _QUOTE)
    first = numpy.searchsorted(quotes, starts)
    count = numpy.searchsorted(quotes, ends) - first
    usual = ((count == 2) | (count >= _LONG)) & (raw[starts] != _SPACE)
    for mark in b"\\\t\v\f\r":
        if mark in text:
            usual[numpy.searchsorted(ends, indexes_of_true(raw == mark))] = False
    is_space = raw == _SPACE
    # `in` takes three times as long to look for two bytes of which the first is frequent.
    twice = is_space[:-1] & is_space[1:]
    if twice.any():
        usual[numpy.searchsorted(ends, indexes_of_true(twice))] = False
    at = numpy.flatnonzero(usual)
    if not len(at):
        return
    starts, is_long = starts[at], count[at] >= _LONG
    marks = [quotes[(first[at] + n) % len(quotes)] for n in range(_LONG)]
    stops, known = _ends_of_fields(raw, marks, is_long)
    known &= stops - starts < LONGEST_LINE
    # No column is empty then but those for the quotes: a line with too few words has too few columns.
    known &= (raw[marks[0] + 1] != _SPACE) & (raw[marks[1] - 1] != _SPACE)
    plain = bytearray(text)
    numpy.frombuffer(plain, numpy.uint8)[numpy.concatenate(marks[:2])] = _SPACE
    cut = _CutLines(text, plain, at, starts, stops, ends[at])
    for with_referer in (True, False):
        those = numpy.flatnonzero(known & (is_long == with_referer))
        if not len(those):
            continue
        start, request, end = (offsets[those] for offsets in (starts, *marks[:2]))
        try:
            # Nearly always all are of the form of the first.
            (spaces,) = _spaces(text, start[:1], request[:1])
            yield _read_form(cut.chosen(those), with_referer, spaces > _SPACES, wants)
        except ValueError:
            spaces = _spaces(text, start, request)
            of_form = _spaces(text, request, end) == 2
            for has_vhost in (False, True):
                some = those[of_form & (spaces == _SPACES + has_vhost)]
                if len(some):
                    yield _read_form(cut.chosen(some), with_referer, has_vhost, wants)


def _spaces(text: bytes, starts: Array, ends: Array) -> Array:
    """Return how many spaces are in each part of the text."""
    bounds = (starts.tolist(), ends.tolist())
    return numpy.fromiter(map(text.count, repeat(b" "), *bounds), numpy.intp, len(starts))


def _ends_of_fields(raw: Array, marks: Sequence[Array], is_long: Array) -> tuple[Array, Array]:
    """Return where the fields of each line end, and whether the line is usual. marks: its first quotes."""
    known = _of_time(rows_at(raw, numpy.maximum(marks[0] - len(_TIME) + 1, 0), _WIDTH))
    known &= _of_status(rows_at(raw, marks[1], 8))
    size = marks[1] + len(_STATUS)
    end = _ends_of_digits(raw, size)
    end += (end == size) & (raw[size] == ord("-"))
    known &= end > size
    quoted = (marks[2] == end + 1) & (marks[4] == marks[3] + 2) & (raw[marks[3] + 1] == _SPACE)
    known &= ~is_long | (quoted & (raw[end] == _SPACE))
    end = numpy.where(is_long, marks[5] + 1, end)
    return end, known & ((raw[end] == _SPACE) | (raw[end] == _LF))


def _ends_of_digits(raw: Array, at: Array, width: int = _FEW_DIGITS) -> Array:
    """Return where the digits end that begin at these offsets, or `at` if there are too many."""
    ends: Array = at + (~_DIGIT[rows_at(raw, at, width)]).argmax(1)
    if width == _FEW_DIGITS and len(longer := numpy.flatnonzero((ends == at) & _DIGIT[raw[at]])):
        ends[longer] = _ends_of_digits(raw, at[longer], _WIDTH - len(_STATUS))
    return ends


def _read_form(
    lines: _CutLines, with_referer: bool, has_vhost: bool, wants: Callable[[str], bool]
) -> AccessLines:
    """Return those lines whose texts are all fields; split the names of virtual hosts.

    Raises ValueError if a line is of another form.
    """
    names = (
        *(["vhost"] if has_vhost else ()),
        *_COLUMNS,
        *(_QUOTED_COLUMNS if with_referer else ()),
    )
    tests = _TESTS_BEHIND_VHOST if has_vhost else _TESTS
    names_by_column = {
        column: name
        for column, name in enumerate(names)
        if name in tests or name == _BEFORE_REQUEST or (name and wants(name))
    }
    found = split_words(lines.fields(), len(names), names_by_column)
    columns = {name: found[column] for column, name in names_by_column.items()}
    if columns.pop(_BEFORE_REQUEST).texts != [""]:
        raise ValueError("a line has more words before or in its request")
    good = numpy.ones(len(lines.at), bool)
    for name, test in tests.items():
        codes, texts, _ = columns[name]
        if odd := [code for code, text in enumerate(texts) if not test(text)]:
            good &= ~numpy.isin(codes, odd)
    if not good.all():
        lines = lines.chosen(numpy.flatnonzero(good))
        columns = {
            name: CodedField(codes[good], texts) for name, (codes, texts, _) in columns.items()
        }
    if has_vhost:
        codes, texts, _ = columns["vhost"]
        hosts = [host.groups() if (host := _vhost(text)) else ("-", "-") for text in texts]
        for group, name in enumerate(("vhost", "vhost_port")):
            columns[name] = CodedField(codes, [host[group] or "-" for host in hosts])
    return AccessLines(lines.at, columns, lines.rest())


def haproxy_time_ends(raw: Array, brackets: Array) -> Array:
    """Return the offsets of those closing brackets that are after milliseconds and before a space."""
    at = brackets[brackets >= 4]
    found: Array = at[(raw[at - 4] == ord(".")) & _DIGIT[raw[at - 1]] & (raw[at + 1] == ord(" "))]
    return found


def spaced_brackets(raw: Array, brackets: Array) -> Array:
    """Return the offsets of those closing brackets that are before two spaces."""
    at = brackets[: numpy.searchsorted(brackets, len(raw) - 2)]
    found: Array = at[(raw[at + 1] == _SPACE) & (raw[at + 2] == _SPACE)]
    return found
