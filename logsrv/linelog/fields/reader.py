"""Read chosen fields from all lines of a text, as lists of Python values: for lines sent on, and SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy

from logsrv.linelog.fields.extract import read_fields
from logsrv.linelog.fields.parsed_line import ALWAYS, ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import Value

Column: TypeAlias = list[Value | None]
"""The values of one field in all lines, None for a line without it."""


class FieldReader:
    """A reader of the fields called `names`: any field but `position`.

    Their values are texts as they were written, and lists; every comparison gives the same for those as
    for the values of a ParsedLine.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def read(self, stamps: StampedLines) -> list[Column]:
        """Return a column for each name, in their order."""
        found = read_fields(stamps, [name for name in self._names if name not in ALWAYS])
        columns: list[Column] = []
        for name in self._names:
            field = found.get(name)
            if field is None:
                records = (
                    ParsedLine(stamps.line(row), None, stamps.first_line(row))
                    for row in range(len(stamps))
                )
                columns.append([record.get(name, as_written=True) for record in records])
            elif not field.texts:
                columns.append([None] * len(stamps))
            else:
                values = numpy.empty(len(field.texts) + 1, object)
                values[:-1] = field.values() if not field.lists else None
                for code, value in enumerate(field.values() if field.lists else ()):
                    values[code] = value
                columns.append(values[field.codes].tolist())
        return columns
