"""Counts over the lines that a search finds: most frequent values of a field, fields, sources.

Each process counts the frames that it reads. The parent adds the counts up, in bounded memory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from logsrv.linelog.fields.record import ALIASES, ALWAYS, Record
from logsrv.linelog.fields.servers import STATUS_CLASS
from logsrv.linelog.fields.stored_line import STAMP
from logsrv.linelog.query.expression import extracted_fields
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.sketches import MOST_CHARACTERS, MOST_KEYS, FrequentKeys

_STAMPS = re.compile(b"^(?:" + STAMP.pattern + b")", re.MULTILINE)


class ValueCounts:
    """Values with their counts, in bounded memory: rare values may be forgotten.

    total: the number of lines that have a value. missed: by how much each count may be too low.
    """

    def __init__(self) -> None:
        self.total = 0
        self._counts: FrequentKeys[str] = FrequentKeys(len)

    @property
    def missed(self) -> int:
        return self._counts.missed

    def add_counts(self, counts: dict[str, int], total: int) -> None:
        """Add the counts of some lines, `total` of which have a value."""
        self.total += total
        self._counts.add(counts)

    def most_common(self, number: int) -> list[tuple[str, int]]:
        """Return the `number` most frequent values with their counts; equally frequent ones by text."""
        return sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))[:number]


def count_values(search: Search, field: str, extractions: Sequence[Extraction] = ()) -> ValueCounts:
    """Count the values of a field, which may be an extracted one; each element of a list counts."""
    # Imported here because it loads NumPy, which takes longer than most searches.
    from logsrv.linelog.read.columns import make_value_counter

    count = make_value_counter(field, extractions)

    def work(task: ReadTask) -> Iterator[tuple[int, Counter[str]]]:
        if field != "position":
            return map(count, search.matching_lines(task))
        counts = Counter(str(hit.position) for hit in search.hits_in_task(task))
        return iter([(counts.total(), counts)])

    tally = ValueCounts()
    indexed = search.counts_from_index(levels=True) if field == "level" else None
    for _, (total, counts) in search.run_for_json(work, indexed):
        tally.add_counts(counts, total)
    for _, levels in ({} if indexed is None else indexed.by_time()).values():
        tally.add_counts(levels, sum(levels.values()))
    return tally


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
        record = Record(hit.line, str(hit.position))
        names = _field_names(record).union(extracted(record.body))
        size += sum(len(name) for name in names if name not in counts)
        counts.update(names)
        sampled += 1
        if sampled >= lines or len(counts) > MOST_KEYS or size > MOST_CHARACTERS:
            break
    return dict(counts.most_common(1000)), sampled


def _field_names(record: Record) -> set[str]:
    """Return the names by which a query finds the fields of a message."""
    found = record.fields.keys()
    names = {f"fields.{name}" if name in ALWAYS else name for name in found}
    computed = (name for name in (*ALIASES, STATUS_CLASS) if name not in found)
    names.update(name for name in computed if record.get(name) is not None)
    # `level`, added below, replaces this name: both values are equal in nearly all lines.
    names.discard("fields.level")
    return names | {"level"} if record.level else names


def count_sources(search: Search) -> dict[str, tuple[int, str]]:
    """Return each source with its number of lines and its latest TIME."""

    def work(task: ReadTask) -> list[dict[str, tuple[int, str]]]:
        numbers: Counter[bytes] = Counter()
        last: dict[bytes, bytes] = {}
        for text in search.matching_lines(task):
            stamps = _STAMPS.findall(text)
            numbers.update(source for _, source in stamps)
            last.update((source, time) for time, source in sorted(set(stamps)))
        return [
            {
                _escape_undecodable(source): (lines, _escape_undecodable(last[source]))
                for source, lines in numbers.items()
            }
        ]

    sources: dict[str, tuple[int, str]] = {}
    for _, found in search.run_for_json(work):
        for source, (lines, last) in found.items():
            before = sources.pop(source, (0, ""))
            # The source is put at the end of the dict. Of too many sources the first ones are forgotten:
            # they have the oldest lines.
            sources[source] = before[0] + lines, max(before[1], last)
        while len(sources) > MOST_KEYS:
            del sources[next(iter(sources))]
    return sources


def _escape_undecodable(part: bytes) -> str:
    return part.decode(errors="backslashreplace")
