"""Comparisons of columns, behind figures: `… | max time by hostname | where time < now - 10m`.

where      = or, as of a filter; an atom is: COLUMN OP VALUE, with or without spaces
COLUMN     = the name of a column, such as `avg_ms`, or the field that only one of the figures tells of
VALUE      = as of a filter; of a time also `now` and `now - 10m`
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, listed
from logsrv.linelog.query.field_names import (
    FIELD,
    field_as_written,
    name_of_field,
    require_closed,
)
from logsrv.linelog.query.parse import (
    ORDERS,
    ExtractedNames,
    Parsed,
    parse_comparison,
    parse_tree,
)
from logsrv.linelog.query.question import Column, Compare, HasField, Node
from logsrv.linelog.query.times import SOME_DAY, parse_moment
from logsrv.linelog.query.units import numbers_by_unit

_COMPARISON = re.compile(rf"({FIELD})\s*(!=|>=|<=|[=<>~:])\s*")
_NOW = re.compile(r"now(?:\s*-\s*[0-9]{1,12}[smhdw])?(?=[\s)]|\Z)", re.ASCII)


def parse_row_filter(text: str, start: int, columns: Sequence[Column]) -> tuple[Node, int]:
    """Return the tree of `where` behind figures, and the offset of the `|` or the end behind it.

    Its comparisons have the names of columns. Raises QueryError.
    """
    extracted = ExtractedNames()

    def atom(text: str, at: int) -> Parsed:
        found = _COMPARISON.match(text, at)
        name = name_of_field(found[1]) if found else None
        if found is None or name is None:
            require_closed(text, at)
            raise QueryError("behind figures, where compares columns: where count > 5", at + 1)
        column = find_column(name, columns, at)
        test, end = _parse_test(text, found, column, extracted)
        if isinstance(test, Compare):
            _check_value(test, column, found.end())
        return test.replace(field=column.name), end

    node, end = parse_tree(text, start, atom)
    if not text[start:end].strip():
        raise QueryError("where needs a column to compare: where count > 5", start + 1)
    return node, end


def find_column(name: str, columns: Sequence[Column], at: int) -> Column:
    """Return the column that `name` means, at offset `at` of a query. Raises QueryError."""
    named = [one for one in columns if one.name == name]
    found = named or [one for one in columns if one.field == name]
    if len(found) == 1:
        return found[0]
    shown = one_line(field_as_written(name), 60)
    if found:
        each = [one_line(field_as_written(one.name), 60) for one in found]
        raise QueryError(f"{shown} may be each of {listed(each)}", at + 1)
    names = [one_line(field_as_written(one.name), 60) for one in columns]
    hint = did_you_mean(shown, names) or f"; these are: {listed(names)}"
    raise QueryError(f"{shown} is no column of these figures{hint}", at + 1)


def _parse_test(
    text: str, found: re.Match[str], column: Column, extracted: ExtractedNames
) -> tuple[Compare | HasField, int]:
    now = _NOW.match(text, found.end()) if column.is_time else None
    if now:
        return Compare(column.name, found[2], now[0]), now.end()
    is_level = column.field == "level" and not column.is_number
    parsed = parse_comparison(text, found, "level" if is_level else column.name, extracted)
    if parsed is None:
        raise QueryError("there is nothing to compare with behind :", found.end() + 1)
    return parsed


def _check_value(test: Compare, column: Column, at: int) -> None:
    """Raise QueryError for a value, at offset `at`, with which such a column cannot be compared."""
    value = one_line(test.value, 60)
    if column.is_time:
        if test.op not in ("=", "!=", *ORDERS):
            raise QueryError(f"{column.name} is a time: compare it by <, <=, > or >=", at + 1)
        try:
            parse_moment(test.value, SOME_DAY, utc=False)
        except ValueError as error:
            raise QueryError(str(error), at + 1) from None
    elif column.is_number and test.op in ORDERS and not numbers_by_unit(column.name, test.value):
        shown = one_line(field_as_written(column.name), 60)
        raise QueryError(f"{shown} is a number, and {value} is none", at + 1)
