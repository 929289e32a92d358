"""Columns: the values of chosen fields in all lines of a text, extracted ones too, and their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

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
from logsrv.linelog.read.line_counts import count_by_time

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


def numbers(field: str, column: Column) -> list[int | float | None]:
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


Counted: TypeAlias = tuple[int, Counter[str]]
"""The number of lines that have the field, and the number of lines for each value."""

LONGEST = 1000
"""Characters of a value; a longer one loses its end."""


def make_value_counter(
    field: str, extractions: Sequence[Extraction] = ()
) -> Callable[[bytes], Counted]:
    """Return the function that counts a field's values in whole lines with their LFs.

    field: any but `position`.
    """
    if field == "level":
        return _count_levels
    read = column_reader([field], extractions, [field])
    return lambda text: _count_column(read(StampedLines(text))[field])


def _count_column(column: Column) -> Counted:
    texts = Counter([value[:LONGEST] for value in column if type(value) is str])
    counts: Counter[str] = Counter()
    for text, lines in texts.items():
        counts[displayable_text(text)[:LONGEST]] += lines
    total = texts.total()
    for value in column:
        if value is not None and type(value) is not str:
            counts.update(texts_to_count(value))
            total += 1
    return total, counts


def _count_levels(text: bytes) -> Counted:
    counts = Counter(
        {level: lines for (_, level), lines in count_by_time(text, 0, levels=True).items() if level}
    )
    return counts.total(), counts


def texts_to_count(value: Value | None) -> list[str]:
    """Return the texts to count for a field's value, each up to LONGEST; one for each element of a list."""
    if value is None:
        return []
    if type(value) is str:
        return [displayable_text(value)[:LONGEST]]
    return [
        *dict.fromkeys(
            displayable_text(text_of_value(one))[:LONGEST] for one in elements_of_value(value)
        )
    ]
