"""Values of fields as they are counted: their numbers, and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import NoneType
from typing import Any, TypeAlias

from logsrv.linelog.fields.values import (
    Number,
    Value,
    WrittenFloat,
    displayable_text,
    elements_of_value,
    number_of_value,
    text_of_value,
)
from logsrv.linelog.query.units import PLAIN, WAY_OF_LAST, number_in_field_unit

LARGEST = 1e290
"""Numbers beyond it count as none, so that no sum of numbers becomes infinite."""


def written_numbers(
    field: str, column: Sequence[Value | None]
) -> tuple[list[int | float | None], Sequence[int]]:
    """Return the number of each value of a field, in the field's unit; None for a value that has none.

    Of a list it is the largest number. Second, how each is written: PLAIN, TIMES or SIZES of `query/units`,
    0 for none; nothing if all are PLAIN.
    """
    found = [
        None
        if value is None
        else _number_in_short(field, value)
        if type(value) is str and len(value) <= _SHORT
        else _number_of(field, value)
        for value in column
    ]
    ends = {
        value[-1] if type(value) is str else type(value)
        for value, number in zip(column, found, strict=True)
        if number is not None
    }
    if ends <= _PLAIN_ENDS:
        return found, ()
    ways = [
        0
        if number is None
        else WAY_OF_LAST[value[-1]]
        if type(value) is str
        else _way_of(field, value, number)
        for value, number in zip(column, found, strict=True)
    ]
    return found, ways


# The last characters of texts that are numbers without a unit, and types of numbers.
_PLAIN_ENDS = {int, float, WrittenFloat, *(end for end, way in WAY_OF_LAST.items() if way == PLAIN)}


def _way_of(field: str, value: Value | None, number: float) -> int:
    items = [] if value is None else elements_of_value(value)
    found = next(one for one in items if _plain_number(field, one) == number)
    return WAY_OF_LAST[found[-1]] if type(found) is str else PLAIN


def _number_of(field: str, value: Value) -> int | float | None:
    found = [_plain_number(field, item) for item in elements_of_value(value)]
    return max((one for one in found if one is not None), default=None)


def _plain_number(field: str, item: str | float | bool) -> int | float | None:
    is_short = type(item) is str and len(item) <= _SHORT
    return _number_in_short(field, item) if is_short else _number_in(field, item)


def _number_in(field: str, item: str | float | bool) -> int | float | None:
    known: Number | None = number_of_value(item)
    if known is None:
        known = number_in_field_unit(field, item)
    # A large decimal, or an integer of more than 4,000 digits.
    if known is not None and not isinstance(known, int | float):
        known = float(known)
    if known is None or not -LARGEST <= known <= LARGEST:
        return None
    return known


# The next row group has many of the same texts, and an amount such as `12.3ms` takes 2 us to be read. Bytes
# of memory are bounded by their length.
_SHORT = 32
_number_in_short = lru_cache(1 << 17)(_number_in)


LONGEST = 1000
"""Characters of a value that is counted; a longer one loses its end."""

Cells: TypeAlias = Sequence[Any]
"""What is counted of each line: a text, None, or a tuple of the texts of a list."""


def counted_column(column: Sequence[Value | None]) -> Cells:
    """Return what is counted of each value of a field: its text up to LONGEST, those of a list."""
    if {*map(type, column)} <= {str, NoneType}:
        words: Any = column
        # Mostly few different texts, which are shown as they are.
        texts = [one for one in dict.fromkeys(words) if one is not None]
        if counted_texts(texts) is texts:
            return column
    return [_counted_value(value) for value in column]


def counted_texts(texts: list[str]) -> list[str]:
    """Return what is counted of each text: `texts` itself, if all are counted as they are."""
    if "".join(texts).isascii() and max(map(len, texts), default=0) <= LONGEST:
        return texts
    return [_counted_text(text) for text in texts]


def joined_text(counted: Any) -> str | None:
    """Return a text for what is counted of a line: of a list, all its texts."""
    return ", ".join(counted)[:LONGEST] if type(counted) is tuple else counted


def _counted_text(text: str) -> str:
    return displayable_text(text)[:LONGEST]


def _counted_value(value: Value | None) -> Any:
    if value is None:
        return None
    if type(value) is str:
        return _counted_text(value)
    elements = map(text_of_value, elements_of_value(value))
    texts = tuple(dict.fromkeys(map(_counted_text, elements)))
    return texts if len(texts) > 1 else texts[0] if texts else None
