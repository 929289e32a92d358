"""Columns: the values of chosen fields in all lines of a text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from types import NoneType
from typing import Any, TypeAlias

from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.reader import Column, FieldReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import decode_stored, parse_source
from logsrv.linelog.fields.values import (
    Number,
    Value,
    displayable_text,
    elements_of_value,
    number_of_value,
    text_of_value,
)
from logsrv.linelog.query.expression import extractor
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.units import number_in_field_unit

LARGEST = 1e290
"""Numbers beyond it count as none, so that no sum of numbers becomes infinite."""
_OF_SOURCE = ("source", "name", "host", "port")
Reader = Callable[[StampedLines], dict[str, Column]]


def column_reader(
    names: Sequence[str], extractions: Sequence[Extraction], as_written: Collection[str] = ()
) -> Reader:
    """Return a function: lines → the column of each field in `names`, which are any but `position`.

    as_written: those of which the texts count, as the sender wrote them.
    """
    of_source = [name for name in names if name in _OF_SOURCE]
    extracted = [
        (wanted, extractor(one.pattern, wanted))
        for one in extractions
        if (wanted := [name for name in one.names if name in names])
    ]
    known = {"level", *of_source, *(name for wanted, _ in extracted for name in wanted)}
    others = [name for name in dict.fromkeys(names) if name not in known]
    fields = FieldReader(others, as_written) if others else None

    def read(stamps: StampedLines) -> dict[str, Column]:
        found: dict[str, Column] = {}
        if fields is not None:
            found.update(zip(others, fields.read(stamps), strict=True))
        if "level" in names:
            found["level"] = [
                OF_NUMBERS[n] for n in level_numbers(stamps.text, stamps.ends).tolist()
            ]
        if of_source:
            found.update(_source_columns(stamps, of_source))
        if extracted:
            messages = stamps.messages_of()
            for wanted, values in extracted:
                rows = [values(message) for message in messages]
                for place, name in enumerate(wanted):
                    found[name] = [row[place] for row in rows]
        return found

    return read


def _source_columns(stamps: StampedLines, names: Sequence[str]) -> dict[str, Column]:
    """Return columns of fields that depend on SOURCE only: it is parsed once for each source."""
    stored = stamps.sources()
    values: dict[bytes, dict[str, Value | None]] = {}
    for source in set(stored):
        text = decode_stored(source)
        parts = parse_source(text)
        values[source] = {
            name: text if name == "source" else getattr(parts, name) for name in names
        }
    found: dict[str, Column] = {name: [None] * len(stamps) for name in names}
    for row, source in zip(stamps.stamped.tolist(), stored, strict=True):
        for name in names:
            found[name][row] = values[source][name]
    return found


def numbers(field: str, column: Sequence[Value | None]) -> list[int | float | None]:
    """Return the number of each value of a field, in the field's unit; None for a value that has none.

    Of a list it is the largest number.
    """
    return [None if value is None else _number_of(field, value) for value in column]


def _number_of(field: str, value: Value) -> int | float | None:
    found = [_plain_number(field, item) for item in elements_of_value(value)]
    return max((one for one in found if one is not None), default=None)


def _plain_number(field: str, item: str | float | bool) -> int | float | None:
    known: Number | None = number_of_value(item)
    if known is None:
        known = number_in_field_unit(field, item)
    # An integer of more than 4,000 digits is a Decimal.
    if not isinstance(known, int | float) or not -LARGEST <= known <= LARGEST:
        return None
    return known


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
