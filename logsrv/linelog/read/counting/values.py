"""The values of one field in many lines, counted: without a Record for lines that cannot have it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from logsrv.linelog.fields.access import NAMES
from logsrv.linelog.fields.many.access_text import AccessText
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamp import STAMP
from logsrv.linelog.fields.values import Value, elements, text_of
from logsrv.linelog.query.language.tree import Has
from logsrv.linelog.query.matching.match import compile
from logsrv.linelog.read.counting.timed import timed

Counted: TypeAlias = tuple[int, Counter[str]]
"""The number of lines that have the field, and that of each of its values."""

LONGEST = 1000
"""Characters of a value; a longer one is cut."""
_OF_SOURCE = ("source", "name", "host", "port")
_STAMPS = re.compile(b"^" + STAMP.pattern, re.MULTILINE).finditer


def counter(field: str) -> Callable[[bytes], Counted]:
    """Return what counts the values of a field, any but `position`, in whole lines with their LFs."""
    if field == "level":
        return _levels
    if field in _OF_SOURCE:
        return lambda text: _of_sources(field, text)
    candidates = compile(Has(field)).candidates
    access = AccessText([field]) if field.removeprefix("fields.") in NAMES else None

    def count(text: bytes) -> Counted:
        total = 0
        counts: Counter[str] = Counter()
        if access is not None:
            found = access.read(text)
            [column] = found.columns
            some = Counter(value[:LONGEST] for value in column if value is not None)
            total += some.total()
            counts.update(some)
            text = b"".join([line for _, line in found.others])
        for start, end in candidates(text):
            values = values_of(Record(text[start:end]).get(field))
            counts.update(values)
            total += bool(values)
        return total, counts

    return count


def _levels(text: bytes) -> Counted:
    counts = Counter(
        {level: lines for (_, level), lines in timed(text, 0, levels=True).items() if level}
    )
    return counts.total(), counts


def _of_sources(field: str, text: bytes) -> Counted:
    """Count what follows from SOURCE alone, once for each."""
    counts: Counter[str] = Counter()
    found = [(stamp[2], stamp[0]) for stamp in _STAMPS(text)]
    stamps = dict(found)
    for source, lines in Counter(source for source, _ in found).items():
        for value in values_of(Record(stamps[source]).get(field)):
            counts[value] += lines
    return counts.total(), counts


def values_of(value: Value | None) -> set[str]:
    """Return what a field's value counts as: text, cut; its elements if it is a list."""
    if value is None:
        return set()
    return {text_of(one)[:LONGEST] for one in elements(value)}
