"""A field in many lines, for columns and counts: each different text once, and a number for each line."""

from __future__ import annotations

from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.json_values import json_to_field_value, parse_json_exactly
from logsrv.linelog.fields.values import Value


class CodedField(NamedTuple):
    """The values of a field in some lines.

    codes: int32, for each line the index in `texts`; -1 if the line lacks the field. texts: different
    ones, as senders wrote them (`text_of_value` of `ParsedLine.get(name, as_written=True)`); bytes that are
    not UTF-8 are surrogates. lists: codes whose text is compact JSON of a list.
    """

    codes: Array
    texts: list[str]
    lists: frozenset[int] = frozenset()

    def values(self) -> list[Value]:
        """Return a value for each of `texts`, for which every comparison gives the same as for the line's.

        The text tells all of a value but whether it is a list: `"5"` and 5 are the same number.
        """
        return [
            value_of_list(text) if code in self.lists else text
            for code, text in enumerate(self.texts)
        ]


def value_of_list(text: str) -> Value:
    """Return the list whose JSON is `text`, with its decimals as written."""
    found = parse_json_exactly(b'{"":%s}' % text.encode("utf-8", "surrogateescape"))
    value = json_to_field_value(found[""]) if found else None
    return text if value is None else value


def no_line(lines: int) -> CodedField:
    """Return the field that none of so many lines has."""
    return CodedField(numpy.full(lines, -1, numpy.int32), [])
