"""Forms of lines, each read by one expression for many lines: headers, logins, structured data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from typing import Any, NamedTuple

import numpy

from logsrv.kit.text.quoted_text import pattern_until
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.header_words import MONTH
from logsrv.linelog.fields.servers import LOGIN
from logsrv.linelog.fields.stored_line import decode_stored
from logsrv.linelog.fields.together.pieces import Coder


class ReadLines(NamedTuple):
    """The result of an expression over lines.

    columns: by name, a code for each line of `rows`, and the texts by code. texts: by name, one for each.
    others: the indexes of lines of another form.
    """

    rows: Array
    columns: Mapping[str, tuple[Array, list[bytes]]]
    texts: Mapping[str, list[bytes]]
    others: list[int]


# The texts of so many lines stay in the cache of a CPU until they are coded.
_AT_ONCE = 200
_SAMPLE = 40
_LEAST_IN_SAMPLE = 3
_MOST_KEYS = 50


class LineForm:
    """Lines of one form.

    pattern: an expression for a whole line without its LF. names: those of its groups, if these have none.
    uncoded: those whose texts nearly all differ.
    """

    def __init__(
        self, pattern: bytes, names: Sequence[str] | None = None, uncoded: Collection[str] = ()
    ) -> None:
        # The first group makes a tuple of each result, even if there is no other one.
        expression = re.compile(rb"()(?:" + pattern + rb")\n|([^\n]*\n)")
        self._find = expression.findall
        names = [*expression.groupindex] if names is None else names
        # The last one of a name counts.
        self._places = {name: place for place, name in enumerate(names)}
        self._uncoded = [name for name in self._places if name in uncoded]

    def read(self, rows: Array, lines: Sequence[bytes]) -> ReadLines:
        """Return the texts of the groups. rows: the number of each line."""
        texts: dict[str, list[bytes]] = {name: [] for name in self._uncoded}
        coders = {name: Coder() for name in self._places if name not in texts}
        codes: dict[str, list[Array]] = {name: [numpy.zeros(0, numpy.int32)] for name in coders}
        others: list[int] = []
        for start in range(0, len(lines), _AT_ONCE):
            found = self._find(b"\n".join([*lines[start : start + _AT_ONCE], b""]))
            _, *columns, unread = zip(*found, strict=True)
            if any(unread):
                others += [start + place for place, line in enumerate(unread) if line]
                known = [not line for line in unread]
                columns = [tuple(compress(each, known)) for each in columns]
            for name, coder in coders.items():
                codes[name].append(coder.codes(columns[self._places[name]]))
            for name, values in texts.items():
                values += columns[self._places[name]]
        left = numpy.ones(len(rows), bool)
        left[others] = False
        coded = {
            name: (numpy.concatenate(codes[name]), [*coder.index]) for name, coder in coders.items()
        }
        return ReadLines(rows[left], coded, texts, others)


_UNTIL_QUOTE = pattern_until('"', never=r"\n").encode()
_PRIORITY = rb"(?P<priority>1[0-8][0-9]|19[01]|0?[0-9]{1,2})"
_TIME = (
    rb"(?P<timestamp>"
    + MONTH
    + rb" [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rb"T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})) "
)
_TAG = (
    rb'(?P<app>[A-Za-z_/.(][^\s:\[\]=",]{0,127})(?:\[(?P<pid>[^\]\s]{0,128})\]:?|:)'
    rb"(?: (?P<text>[^\n]*)|)"
)
_ELEMENT = rb'\[[^ =\]"\n]+(?: +[^ =\]"\n]+="' + _UNTIL_QUOTE + rb'")* *\]'
_HEADERS = {
    "usual": rb"(?:<" + _PRIORITY + rb">)?" + _TIME + rb"(?P<hostname>[A-Za-z0-9][A-Za-z0-9._-]*) " + _TAG,
    "local": rb"<" + _PRIORITY + rb">" + _TIME + _TAG,
    "new": rb"<" + _PRIORITY + rb">[1-9][0-9]{0,2} "
    rb"(?P<timestamp>-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ \n]+) (?P<hostname>[^ \n]+) (?P<app>[^ \n]+)"
    rb" (?P<pid>[^ \n]+) (?P<msgid>[^ \n]+) (?:-|(?P<data>(?:" + _ELEMENT + rb")+))"
    rb"(?: (?:\xef\xbb\xbf)?(?P<text>[^\n]*)|)",
    # With a bracket, it may have another header behind the time.
    "container": rb"(?P<timestamp>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    rb"(?:Z|[+-][0-9]{2}:[0-9]{2})) std(?:out|err) [PF] (?P<text>\{[^\n]*|[^[\n]*)",
}  # fmt: skip


def header_form(kind: str, wants: Callable[[str], bool]) -> LineForm:
    """Return a form of headers: `usual`, `local` without a host, `new` of RFC 5424, `container`."""
    return _header_form(kind, frozenset(name for name in _SELDOM_WANTED if not wants(name)))


_SELDOM_WANTED = ("priority", "timestamp", "pid", "msgid", "data", "text")


@lru_cache(maxsize=50)
def _header_form(kind: str, unwanted: frozenset[str]) -> LineForm:
    return LineForm(_without_groups(_HEADERS[kind], unwanted), uncoded=("app", "data", "text"))


def _without_groups(pattern: bytes, names: Collection[str]) -> bytes:
    for name in names:
        pattern = pattern.replace(b"(?P<%s>" % name.encode(), b"(?:")
    return pattern


@lru_cache(maxsize=1)
def login_form() -> LineForm:
    """Return the form of messages of sshd about logins."""
    return LineForm(LOGIN.replace(".*", r"[^\n]*").encode() + rb"[^\n]*")


_split_data = re.compile(rb'="' + _UNTIL_QUOTE + rb'"').split


@lru_cache(maxsize=200)
def _data_form(parts: tuple[bytes, ...]) -> LineForm:
    """Return the form of structured data. parts: the texts before, between and behind the values."""
    names, element = [], b""
    for part in parts[:-1]:
        begin, _, name = part.rpartition(b" ")
        if b"[" in begin:
            element = begin.rpartition(b"]")[2][1:].strip()
        names.append(f"{decode_stored(element)}.{decode_stored(name)}")
    return LineForm((rb'="(' + _UNTIL_QUOTE + rb')"').join(map(re.escape, parts)), names)


def frequent_data_forms(data: Sequence[bytes]) -> list[LineForm]:
    """Return the forms of many of the structured data, the most frequent first."""
    return [
        _data_form(each)
        for each in frequent([tuple(_split_data(one)) for one in some_of(data)], len(data))
    ]


def some_of(lines: Sequence[bytes]) -> Sequence[bytes]:
    """Return a sample of lines."""
    return lines[:: len(lines) // _SAMPLE + 1]


def frequent(shapes: Sequence[tuple[Any, ...]], lines: int) -> list[Any]:
    """Return the shapes that many in a sample of so many lines have, the most frequent first."""
    return [
        shape
        for shape, count in Counter(shapes).most_common()
        if count >= min(_LEAST_IN_SAMPLE, lines) and 0 < len(shape) <= _MOST_KEYS
    ]
