"""The values of chosen fields in all lines of a text, for counting where there are no columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from logsrv.linelog.fields.level_numbers import OF_NUMBERS, levels_of_records
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import OF_SOURCE, decode_stored, parse_source
from logsrv.linelog.fields.values import Value
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.text_search.expression import extractor

if TYPE_CHECKING:
    from logsrv.linelog.fields.reader import Column, FieldReader

Reader: TypeAlias = "Callable[[StampedLines], dict[str, Column]]"


def column_reader(names: Sequence[str], extractions: Sequence[Extraction]) -> Reader:
    """Return a function: lines → the column of each field in `names`, which are any but `position`."""
    of_source = [name for name in names if name in OF_SOURCE]
    extracted = [
        (wanted, extractor(one.pattern, wanted))
        for one in extractions
        if (wanted := [name for name in one.names if name in names])
    ]
    known = {"level", *of_source, *(name for wanted, _ in extracted for name in wanted)}
    others = [name for name in dict.fromkeys(names) if name not in known]
    fields = _field_reader(others) if others else None

    def read(stamps: StampedLines) -> dict[str, Column]:
        columns: dict[str, Column] = {}
        if fields is not None:
            columns.update(zip(others, fields.read(stamps), strict=True))
        if "level" in names:
            columns["level"] = [OF_NUMBERS[n] for n in levels_of_records(stamps).tolist()]
        if of_source:
            columns.update(_source_columns(stamps, of_source))
        if extracted:
            messages = stamps.messages_of()
            for wanted, values in extracted:
                rows = [values(message) for message in messages]
                for column, name in enumerate(wanted):
                    columns[name] = [row[column] for row in rows]
        return columns

    return read


def _field_reader(names: Sequence[str]) -> FieldReader:
    # Imported here: it takes 20 ms, which an answer from columns, or by level, need not wait for.
    from logsrv.linelog.fields.reader import FieldReader

    return FieldReader(names)


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
