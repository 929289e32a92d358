"""The values of one field, counted over many lines without a Record for each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

from logsrv.linelog.fields.reader import Column
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import Value, displayable_text, elements_of_value, text_of_value
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.read.counting.columns import column_reader
from logsrv.linelog.read.counting.timed import count_by_time

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
