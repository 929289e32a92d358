"""Lines and rows as CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from logsrv.kit.text.escape import printable
from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.language.question import Question
from logsrv.linelog.query.matching.extract import extracted_fields
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Hit

Cells: TypeAlias = Sequence[str | int | float | None]
LINE_COLUMNS = ("position", "time", "source", "level", "message")


def csv_renderer(
    asked: Question,
    *,
    escaped: bool = False,
    local_time: bool = False,
    stores: Sequence[str] = (),
) -> tuple[bytes, Callable[[Hit], bytes]]:
    """Return the names of the columns as CSV, extracted fields last, and a function: hit → its row as CSV.

    escaped: whether control characters are made visible. local_time: whether times are in the local zone,
    not UTC. stores: the names of the stores, if there are several: then the first column is the store.
    """
    fields = extracted_fields(asked.extractions)

    def render(hit: Hit) -> bytes:
        record = Record(hit.line)
        found = fields(record.body)
        time = to_local_time(record.time) if local_time and record.time else record.time
        row = (str(hit.position), time, record.source, record.level, record.message)
        store = (stores[hit.position.store - 1],) if stores else ()
        return csv_rows([(*store, *row, *map(found.get, asked.names))], escaped=escaped)

    columns = ("store", *LINE_COLUMNS) if stores else LINE_COLUMNS
    return csv_rows([(*columns, *asked.names)], escaped=escaped), render


def csv_rows(rows: Iterable[Cells], *, escaped: bool = False) -> bytes:
    """Return rows as CSV. escaped: whether control characters are made visible."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    found = text.getvalue()
    return (printable(found) if escaped else found).encode(errors="backslashreplace")
