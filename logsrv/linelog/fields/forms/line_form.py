"""Lines of one shape, read by one expression for many lines: headers, logins, structured data are such."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.forms.pieces import Coder


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
        self._indexes = {name: index for index, name in enumerate(names)}
        self._uncoded = [name for name in self._indexes if name in uncoded]

    def read(self, rows: Array, lines: Sequence[bytes]) -> ReadLines:
        """Return the texts of the groups. rows: the number of each line."""
        texts: dict[str, list[bytes]] = {name: [] for name in self._uncoded}
        coders = {name: Coder() for name in self._indexes if name not in texts}
        codes: dict[str, list[Array]] = {name: [numpy.zeros(0, numpy.int32)] for name in coders}
        others: list[int] = []
        for start in range(0, len(lines), _AT_ONCE):
            found = self._find(b"\n".join([*lines[start : start + _AT_ONCE], b""]))
            _, *columns, unread = zip(*found, strict=True)
            if any(unread):
                others += [start + index for index, line in enumerate(unread) if line]
                known = [not line for line in unread]
                columns = [tuple(compress(each, known)) for each in columns]
            for name, coder in coders.items():
                codes[name].append(coder.codes(columns[self._indexes[name]]))
            for name, values in texts.items():
                values += columns[self._indexes[name]]
        left = numpy.ones(len(rows), bool)
        left[others] = False
        coded = {
            name: (numpy.concatenate(codes[name]), [*coder.index]) for name, coder in coders.items()
        }
        return ReadLines(rows[left], coded, texts, others)


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
