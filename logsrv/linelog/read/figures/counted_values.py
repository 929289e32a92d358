"""Values of fields as they are counted: their numbers, and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from types import NoneType
from typing import Any, NamedTuple, TypeAlias

from logsrv.linelog.fields.values import (
    Number,
    Value,
    displayable_text,
    elements_of_value,
    number_of_value,
    text_of_value,
)
from logsrv.linelog.query.units import PLAIN, number_in_field_unit, way_of_text_with_unit

LARGEST = 1e290
"""Numbers beyond it count as none, so that no sum of numbers becomes infinite."""


_NUMBER = itemgetter(0)


class WrittenNumber(NamedTuple):
    """A number, and how it is written: PLAIN, TIMES or SIZES of `query/units`."""

    number: int | float
    way: int


def numbers(field: str, column: Sequence[Value | None]) -> list[WrittenNumber | None]:
    """Return the number of each value of a field, in the field's unit; None for a value that has none.

    Of a list it is the largest number.
    """
    return [None if value is None else _number_of(field, value) for value in column]


def _number_of(field: str, value: Value) -> WrittenNumber | None:
    found = [_plain_number(field, item) for item in elements_of_value(value)]
    return max((one for one in found if one is not None), key=_NUMBER, default=None)


def _plain_number(field: str, item: str | float | bool) -> WrittenNumber | None:
    is_short = type(item) is str and len(item) <= _SHORT
    return _number_in_short(field, item) if is_short else _number_in(field, item)


def _number_in(field: str, item: str | float | bool) -> WrittenNumber | None:
    known: Number | None = number_of_value(item)
    way = PLAIN
    if known is None and isinstance(item, str):
        known = number_in_field_unit(field, item)
        if known is not None:
            way = way_of_text_with_unit(item)
    # A large decimal, or an integer of more than 4,000 digits.
    if known is not None and not isinstance(known, int | float):
        known = float(known)
    if known is None or not -LARGEST <= known <= LARGEST:
        return None
    return WrittenNumber(known, way)


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
