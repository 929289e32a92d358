"""Lines as CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from logsrv.kit.text.escape import printable
from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.language.pipeline import Extraction
from logsrv.linelog.query.matching.extract import extracted_fields
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Hit

LINE_COLUMNS = ("position", "time", "source", "level", "message")


def csv_lines(
    hits: Iterable[Hit], extractions: Sequence[Extraction], *, escaped: bool, local: bool
) -> Iterable[bytes]:
    """Yield lines as CSV: a line of column names, then a row each.

    Behind LINE_COLUMNS come the extracted fields. escaped: whether control characters are made visible.
    """
    names = [name for one in extractions for name in one.names]
    fields = extracted_fields(extractions)
    yield csv_rows([(*LINE_COLUMNS, *names)], escaped=escaped)
    for hit in hits:
        record = Record(hit.line)
        found = fields(record.body)
        time = to_local_time(record.time) if local and record.time else record.time
        row = (str(hit.position), time, record.source, record.level, record.message)
        yield csv_rows([(*row, *map(found.get, names))], escaped=escaped)


def csv_rows(rows: Iterable[Sequence[str | float | None]], *, escaped: bool) -> bytes:
    """Return rows as CSV. escaped: whether control characters are made visible."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    found = text.getvalue()
    return (printable(found) if escaped else found).encode(errors="backslashreplace")
