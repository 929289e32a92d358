"""The fields and the sources of the lines that a search finds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from logsrv.linelog.fields.parsed_line import ALIASES, ALWAYS, ParsedLine
from logsrv.linelog.fields.stored_line import STAMP
from logsrv.linelog.fields.values import STATUS_CLASS
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.text_search.expression import extracted_fields
from logsrv.linelog.read.figures.aggregate import Aggregate, FoundLines, Part, add_up
from logsrv.linelog.read.figures.frequent_keys import (
    MOST_CHARACTERS,
    MOST_KEYS,
    FrequentKeys,
    characters_of_texts,
)
from logsrv.linelog.read.search import Search

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows

# Fields that lines of some sources lack: those without a name, and of files.
_OF_SOURCE = ("name", "host")
_STAMPS = re.compile(b"^(?:" + STAMP.pattern + b")", re.MULTILINE)


def count_fields(
    search: Search, lines: int, extractions: Sequence[Extraction] = ()
) -> tuple[dict[str, int], int]:
    """Return the number of lines with each field in a sample of the newest hits, and the sample's size.

    lines: the wanted size. A query for one of the returned names finds the lines that were counted for it.
    """
    extracted = extracted_fields(extractions)
    counts: Counter[str] = Counter()
    sampled = size = 0
    for hit in search.hits(reverse=True):
        record = hit.parsed()
        names = _field_names(record).union(extracted(record.body))
        size += sum(len(name) for name in names if name not in counts)
        counts.update(names)
        sampled += 1
        if sampled >= lines or len(counts) > MOST_KEYS or size > MOST_CHARACTERS:
            break
    return dict(counts.most_common(1000)), sampled


def _field_names(record: ParsedLine) -> set[str]:
    """Return the names by which a query finds the fields of a message."""
    found = record.fields.keys()
    names = {f"fields.{name}" if name in ALWAYS else name for name in found}
    names.update(name for name in _OF_SOURCE if record.get(name) is not None)
    computed = (name for name in (*ALIASES, STATUS_CLASS) if name not in found)
    names.update(name for name in computed if record.get(name) is not None)
    # `level`, added below, replaces this name: both values are equal in nearly all lines.
    names.discard("fields.level")
    return names | {"level"} if record.level else names


class SourceCount(NamedTuple):
    """A source with its number of lines and its latest TIME."""

    source: str
    lines: int
    last: str


def count_sources(search: Search) -> list[SourceCount]:
    """Return the sources, the one with most lines first."""
    return add_up(search, Sources()).rows()


class Sources(Aggregate):
    """The sources of all lines. A part has the numbers and the latest TIMEs of a frame."""

    columns = ("source",)
    identity = "sources"

    def __init__(self) -> None:
        self._lines: FrequentKeys[str] = FrequentKeys(characters_of_texts)
        self._last: dict[str, str] = {}

    def count(self, lines: FoundLines) -> Part:
        stamps = _STAMPS.findall(lines.text()[0])
        last = {source: time for time, source in sorted({*stamps})}
        numbers = Counter(source for _, source in stamps)
        return [(_text(source), lines, _text(last[source])) for source, lines in numbers.items()]

    def count_rows(self, rows: ColumnRows) -> Part:
        return rows.count_sources()

    def merge(self, part: Part) -> None:
        for source, _, last in part:
            self._last[source] = max(last, self._last.get(source, ""))
        if self._lines.add({source: lines for source, lines, _ in part}):
            self._last = {one: last for one, last in self._last.items() if one in self._lines}

    def rows(self) -> list[SourceCount]:
        found = [SourceCount(one, lines, self._last[one]) for one, lines in self._lines.items()]
        return sorted(found, key=lambda one: (-one.lines, one.source))


def _text(part: bytes) -> str:
    return part.decode(errors="backslashreplace")
