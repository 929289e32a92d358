"""The values of one field, counted over many lines without a Record for each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.source import parse_source
from logsrv.linelog.fields.stamps import Stamps
from logsrv.linelog.fields.stored import decoded
from logsrv.linelog.fields.values import Value, elements, text_of
from logsrv.linelog.read.counting.timed import timed

Counted: TypeAlias = tuple[int, Counter[str]]
"""The number of lines that have the field, and the number of lines for each value."""

LONGEST = 1000
"""Characters of a value; a longer one is cut."""
_OF_SOURCE = ("source", "name", "host", "port")


def counter(field: str) -> Callable[[bytes], Counted]:
    """Return the function that counts a field's values in whole lines with their LFs.

    field: any but `position`.
    """
    if field == "level":
        return _levels
    if field in _OF_SOURCE:
        return lambda text: _of_sources(field, text)
    fields = FieldReader([field])

    def count(text: bytes) -> Counted:
        [column] = fields.read(Stamps(text))
        texts = [value[:LONGEST] for value in column if type(value) is str]
        counts = Counter(texts)
        total = len(texts)
        for value in column:
            if value is not None and type(value) is not str:
                counts.update(values_of(value))
                total += 1
        return total, counts

    return count


def _levels(text: bytes) -> Counted:
    counts = Counter(
        {level: lines for (_, level), lines in timed(text, 0, levels=True).items() if level}
    )
    return counts.total(), counts


def _of_sources(field: str, text: bytes) -> Counted:
    """Count a field that depends on SOURCE only: it is parsed once for each source."""
    counts: Counter[str] = Counter()
    for stored, lines in Counter(Stamps(text).sources()).items():
        source = decoded(stored)
        value = source if field == "source" else getattr(parse_source(source), field)
        for one in values_of(value):
            counts[one] += lines
    return counts.total(), counts


def values_of(value: Value | None) -> set[str]:
    """Return the texts to count for a field's value, cut to LONGEST; one for each element of a list."""
    if value is None:
        return set()
    return {text_of(one)[:LONGEST] for one in elements(value)}
