"""Columns of access logs: lines of the usual forms are split at their quotes and spaces, all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress, pairwise, product, repeat
from typing import Any, NamedTuple

import numpy

from logsrv.linelog.fields.byte_places import (
    Array,
    RowShape,
    byte_membership_table,
    indexes_of_true,
    rows_at,
)
from logsrv.linelog.fields.servers import CLIENT_BEHIND_VHOST, VHOST, VHOST_PORT
from logsrv.linelog.fields.stored_line import decode_stored

_TIME, _STATUS = b' [00/Aaa/0000:00:00:00 +0000] "', b'" 000 '
_SAME = bytes.maketrans(
    b"123456789BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz-",
    b"000000000AAAAAAAAAAAAAAAAAAAAAAAAAaaaaaaaaaaaaaaaaaaaaaaaaa+",
)
_of_time, _of_status = RowShape(_TIME, _SAME).matching_rows, RowShape(_STATUS + b"??").matching_rows
_WIDTH = 32
"""Bytes of a time, and those from a status to the end of a size, that are looked at."""
_PADDING = b"\n" * _WIDTH
_DIGIT = byte_membership_table(b"0123456789")
_LF, _SPACE, _QUOTE = b'\n "'
# The spaces before a request, and the quotes in a line with a referer.
_SPACES, _LONG = 5, 6
_vhost = re.compile(f"{VHOST}(?::{VHOST_PORT})?").fullmatch
_client = re.compile(CLIENT_BEHIND_VHOST, re.ASCII).match
_IN_REQUEST = ("method", "path", "protocol")
_TESTS: dict[str, Callable[[str], Any]] = {
    "method": re.compile(r"[A-Za-z_-]*[A-Za-z]").fullmatch,
    "protocol": re.compile(r"HTTP/[0-9.]+").fullmatch,
    "path": re.compile(r"\S").match,
    "vhost": _vhost,
    "client": lambda text: _client(f"{text} "),
}


class AccessLines(NamedTuple):
    """Lines of a form: their indexes, the texts of their fields, and what is behind these.

    A text is `-` if the line lacks the field.
    """

    at: Array
    columns: Mapping[str, Sequence[str]]
    rest: Sequence[bytes]


def read_access_lines(
    lines: Sequence[bytes], wants: Callable[[str], bool]
) -> Iterator[AccessLines]:
    """Yield the lines of usual forms: common and combined, with and without a virtual host.

    wants: says whether a field is needed.
    """
    text = _PADDING + b"\n".join([*lines, _PADDING])
    raw: Array = numpy.frombuffer(text, numpy.uint8)
    breaks = indexes_of_true(raw == _LF)[_WIDTH - 1 :]
    starts, ends = breaks[: len(lines)] + 1, breaks[1 : len(lines) + 1]
    quotes = indexes_of_true(raw == _QUOTE)
    first = numpy.searchsorted(quotes, starts)
    count = numpy.searchsorted(quotes, ends) - first
    usual = ((count == 2) | (count >= _LONG)) & (raw[starts] != _SPACE)
    odd = [indexes_of_true(raw == mark) for mark in b"\\\t\v\f\r" if mark in text]
    if b"  " in text:
        odd.append(indexes_of_true((raw[:-1] == _SPACE) & (raw[1:] == _SPACE)))
    for places in odd:
        usual[numpy.searchsorted(ends, places)] = False
    at = numpy.flatnonzero(usual)
    if not len(at):
        return
    starts, is_long = starts[at], count[at] >= _LONG
    marks = [quotes[(first[at] + n) % len(quotes)] for n in range(_LONG)]
    stops, known = _ends_of_fields(raw, marks, is_long)
    bounds = [places.tolist() for places in (starts, *marks[:2])]
    words, of_request = (
        numpy.fromiter(map(text.count, repeat(b" "), *each), numpy.intp, len(at))
        for each in pairwise(bounds)
    )
    known &= of_request == 2
    for form in product((True, False), (False, True)):
        those = numpy.flatnonzero(known & (is_long == form[0]) & (words == _SPACES + form[1]))
        if len(those):
            begin, stop = starts[those].tolist(), stops[those]
            fields = [text[a:b] for a, b in zip(begin, stop.tolist(), strict=True)]
            rest = [b""] * len(those)
            for n in numpy.flatnonzero(stop < ends[at[those]]).tolist():
                rest[n] = text[stop[n] + 1 : ends[at[those[n]]]]
            yield _without_odd(AccessLines(at[those], _split_fields(fields, *form, wants), rest))


def _ends_of_fields(raw: Array, marks: Sequence[Array], is_long: Array) -> tuple[Array, Array]:
    """Return where the fields of each line end, and whether the line is usual. marks: its first quotes."""
    known = _of_time(rows_at(raw, numpy.maximum(marks[0] - len(_TIME) + 1, 0), _WIDTH))
    known &= _of_status(rows_at(raw, marks[1], 8))
    size = marks[1] + len(_STATUS)
    end = size + (~_DIGIT[rows_at(raw, size, _WIDTH - len(_STATUS))]).argmax(1)
    end += (end == size) & (raw[size] == ord("-"))
    known &= end > size
    quoted = (marks[2] == end + 1) & (marks[4] == marks[3] + 2) & (raw[marks[3] + 1] == _SPACE)
    known &= ~is_long | (quoted & (raw[end] == _SPACE))
    end = numpy.where(is_long, marks[5] + 1, end)
    return end, known & ((raw[end] == _SPACE) | (raw[end] == _LF))


def _split_fields(
    lines: Sequence[bytes], is_long: bool, has_vhost: bool, wants: Callable[[str], bool]
) -> dict[str, Sequence[str]]:
    """Return the texts of the fields of lines of the same form, which end behind the last one."""
    parts = decode_stored((b"" if is_long else b'"').join(lines)).split('"')
    step = _LONG if is_long else 3
    every = _SPACES + has_vhost
    found: dict[str, Sequence[str]] = {}
    if has_vhost or any(map(wants, ("client", "user"))):
        before = "".join(parts[: step * len(lines) : step]).split(" ")[:-1]
        found |= {"client": before[has_vhost::every], "user": before[has_vhost + 2 :: every]}
        if has_vhost:
            found["vhost"] = before[::every]
    if any(map(wants, _IN_REQUEST)):
        request = " ".join(parts[1::step]).split(" ")
        found |= {name: request[place::3] for place, name in enumerate(_IN_REQUEST)}
    if any(map(wants, ("status", "bytes"))):
        behind = ("" if is_long else " ").join(parts[2::step]).split(" ")
        found |= {"status": behind[1::3], "bytes": behind[2::3]}
    if is_long:
        found |= {"referer": parts[3::step], "agent": parts[5::step]}
    return found


def _without_odd(found: AccessLines) -> AccessLines:
    """Return the lines in which all texts are fields; split the names of virtual hosts."""
    columns = {**found.columns}
    tested = _TESTS if "vhost" in columns else _IN_REQUEST
    for name in columns.keys() & {*tested}:
        if odd := {text for text in {*columns[name]} if not _TESTS[name](text)}:
            good = [text not in odd for text in columns[name]]
            columns = {key: [*compress(texts, good)] for key, texts in columns.items()}
            rest = [*compress(found.rest, good)]
            found = AccessLines(found.at[good], columns, rest)
    if names := columns.get("vhost"):
        hosts = {text: host.groups() for text in {*names} if (host := _vhost(text))}
        for place, name in enumerate(("vhost", "vhost_port")):
            columns[name] = [hosts[text][place] or "-" for text in names]
    return found._replace(columns=columns)
