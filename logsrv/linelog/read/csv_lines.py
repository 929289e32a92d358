"""Lines and rows as CSV, for spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from logsrv.kit.text.escape import printable
from logsrv.linelog.fields.record import ALWAYS, Record
from logsrv.linelog.fields.values import Value, displayable_text, elements_of_value, text_of_value
from logsrv.linelog.query.expression import extracted_fields
from logsrv.linelog.query.question import Question
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Hit

Cells: TypeAlias = Sequence[str | int | float | None]
_TO_QUOTE = re.compile(r'[",\r\n]')
LINE_COLUMNS = ("position", "time", "source", "level", "message")


def csv_renderer(
    asked: Question,
    columns: Sequence[str] | None = None,
    *,
    escaped: bool = False,
    local_time: bool = False,
    stores: Sequence[str] = (),
) -> tuple[bytes, Callable[[Hit], bytes]]:
    """Return the names of the columns as CSV, and a function: hit → its row as CSV.

    columns: names of fields; None for LINE_COLUMNS and extracted fields. escaped: whether control
    characters are made visible. local_time: whether times are in the local zone, not UTC. stores: the names
    of the stores, if there are several: then `store` is a column.
    """
    first = ("store",) if stores else ()
    names = columns or (*first, *LINE_COLUMNS, *asked.names)
    extracted = extracted_fields(asked.extractions)

    def cell(record: Record, found: Mapping[str, str], name: str) -> str | int | None:
        if name in first or name in asked.names:
            return found.get(name)
        if name == "time" and local_time and record.time:
            return to_local_time(record.time)
        return getattr(record, name) if name in ALWAYS else _text(record.get(name, as_written=True))

    def render(hit: Hit) -> bytes:
        record = Record(hit.line, str(hit.position))
        found = extracted(record.body)
        if stores:
            found |= {"store": stores[hit.position.store - 1]}
        return csv_rows([[cell(record, found, name) for name in names]], escaped=escaped)

    return csv_rows([names], escaped=escaped), render


def _text(value: Value | None) -> str | None:
    if value is None:
        return None
    return ",".join(displayable_text(text_of_value(one)) for one in elements_of_value(value))


def csv_rows(rows: Iterable[Cells], *, escaped: bool = False) -> bytes:
    """Return rows as CSV: None is nothing, and an empty text is `""`, as in PostgreSQL and DuckDB.

    escaped: whether control characters are made visible.
    """
    found = "".join([",".join(map(_cell, row)) + "\n" for row in rows])
    return (printable(found) if escaped else found).encode(errors="backslashreplace")


def _cell(value: str | float | None) -> str:
    # Not the standard library's: before Python 3.12 that writes None and the empty text alike.
    if value is None:
        return ""
    text = str(value)
    if not text or _TO_QUOTE.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
