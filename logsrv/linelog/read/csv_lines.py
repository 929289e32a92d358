"""Lines and rows as CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from logsrv.kit.text.escape import printable
from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.language.question import Extraction
from logsrv.linelog.query.matching.extract import extracted_fields
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Hit

Cells: TypeAlias = Sequence[str | int | float | None]
LINE_COLUMNS = ("position", "time", "source", "level", "message")


def csv_line_maker(
    extractions: Sequence[Extraction], *, local_time: bool = False
) -> tuple[Cells, Callable[[Hit], Cells]]:
    """Return the names of the columns, extracted fields last, and a function: hit → its row.

    local_time: whether times are in the local zone, not UTC.
    """
    names = [name for one in extractions for name in one.names]
    fields = extracted_fields(extractions)

    def row_of_hit(hit: Hit) -> Cells:
        record = Record(hit.line)
        found = fields(record.body)
        time = to_local_time(record.time) if local_time and record.time else record.time
        row = (str(hit.position), time, record.source, record.level, record.message)
        return (*row, *map(found.get, names))

    return (*LINE_COLUMNS, *names), row_of_hit


def csv_lines(
    hits: Iterable[Hit], extractions: Sequence[Extraction], *, escaped: bool, local_time: bool
) -> Iterable[bytes]:
    """Yield lines as CSV, after their columns. escaped: whether control characters are made visible."""
    columns, row_of_hit = csv_line_maker(extractions, local_time=local_time)
    yield csv_rows([columns], escaped=escaped)
    for hit in hits:
        yield csv_rows([row_of_hit(hit)], escaped=escaped)


def csv_rows(rows: Iterable[Cells], *, escaped: bool = False) -> bytes:
    """Return rows as CSV. escaped: whether control characters are made visible."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    found = text.getvalue()
    return (printable(found) if escaped else found).encode(errors="backslashreplace")
