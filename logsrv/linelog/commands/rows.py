"""Writers for the rows of an answer, to stdout or a file: table, CSV, JSON lines, Parquet."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pyarrow

from logsrv.errors import LogsrvError, UsageError
from logsrv.kit.text.escape import printable
from logsrv.linelog.commands.standard_output import Output
from logsrv.linelog.commands.table import ByteSink, RowWriter
from logsrv.linelog.read.tables.text_table import Columns

_EXPLAINED = ["explain_key", "explain_value"]


@contextmanager
def writer(
    output: str, path: str | None, local: bool, paged: bool
) -> Iterator[ArrowWriter | ParquetWriter]:
    """Open a writer of rows. Raises UsageError, and LogsrvError if the file cannot be written."""
    terminal = path is None and sys.stdout.isatty()
    if output == "parquet" and terminal:
        raise UsageError("Parquet is not for terminals; add --to FILE, or redirect the output")
    try:
        with open(path, "wb") if path is not None else Output(paged=paged) as file:
            made: ArrowWriter | ParquetWriter
            if output == "parquet":
                made = ParquetWriter(file)
            else:
                made = ArrowWriter(RowWriter(file, output, for_terminal=terminal), output, local)
            yield made
            made.end()
    except OSError as error:
        if path is None or isinstance(error, BrokenPipeError) or error.filename not in (path, None):
            raise
        raise LogsrvError(f"--to {path}: {error.strerror or error}") from error


@attrs.define
class ArrowWriter:
    """Writes the rows of Arrow as text. For JSON, values of JSON columns are nested, not quoted as text."""

    _writer: RowWriter
    _output: str
    _local: bool

    def write(self, columns: Columns, batch: pyarrow.RecordBatch) -> None:
        """Write some rows. columns: their names, and DuckDB's names of their types."""
        if self._output == "table" and [name for name, _ in columns] == _EXPLAINED:
            self._writer.write_lines([printable(text) for text in batch.column(1).to_pylist()])
            return
        values: list[Sequence[Any]] = [
            _json_values(column, type_, self._local)
            if self._output == "json"
            else cell_texts(column, self._local)
            for (_, type_), column in zip(columns, batch.columns, strict=True)
        ]
        self._writer.write(columns, zip(*values, strict=True))

    def end(self) -> None:
        """Write what is buffered."""
        self._writer.end()


@attrs.define
class ParquetWriter:
    """A Parquet file, compressed with Zstandard."""

    _file: ByteSink
    _writer: Any = None

    def write(self, columns: Columns, batch: pyarrow.RecordBatch) -> None:
        if self._writer is None:
            sink = pyarrow.PythonFile(_ArrowFile(self._file), "w")
            # Loading this takes 15 ms, which other outputs need not.
            from pyarrow import parquet

            self._writer = parquet.ParquetWriter(sink, batch.schema, compression="zstd")
        self._writer.write_batch(batch)

    def end(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _ArrowFile(io.RawIOBase):
    """A file object for Arrow, which only appends. Arrow cannot close the underlying file with it."""

    def __init__(self, file: ByteSink) -> None:
        self._file = file
        self._size = 0

    def write(self, data: Any) -> int:
        taken = bytes(data)
        self._file.write(taken)
        self._size += len(taken)
        return len(taken)

    def tell(self) -> int:
        return self._size

    def writable(self) -> bool:
        return True


def _json_values(column: Any, type_: str, local: bool) -> list[Any]:
    if type_ == "JSON":
        return [value if value is None else json.loads(value) for value in column.to_pylist()]
    return [_json_value(value, local) for value in column_values(column)]


def _json_value(value: Any, local: bool) -> Any:
    """Return a value that JSON can represent."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_json_value(one, local) for one in value]
    if isinstance(value, dict):
        return {str(name): _json_value(one, local) for name, one in value.items()}
    return cell_text(value, local)


def cell_texts(column: Any, local: bool) -> list[str | None]:
    """Return the texts of a column of Arrow; None is NULL."""
    return [
        value if value is None or type(value) is str else cell_text(value, local)
        for value in column_values(column)
    ]


def column_values(column: Any) -> list[Any]:
    """Return the values of a column of Arrow."""
    if pyarrow.types.is_timestamp(column.type) and column.type.tz:
        # The values are moments, the same in any zone; reading them in UTC needs no time zone database.
        column = column.view(pyarrow.timestamp(column.type.unit, "UTC"))
    try:
        found: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        # Python cannot represent all dates, such as infinity.
        found = column.cast(pyarrow.string()).to_pylist()
    return found


def cell_text(value: Any, local: bool) -> str:
    """Return the text of a value that is not NULL. Times with a zone are in UTC, or in local time."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _moment_text(value, local)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_inner_text(one, local) for one in value) + "]"
    if isinstance(value, dict):
        inner = (f"{name}: {_inner_text(one, local)}" for name, one in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, tuple) and hasattr(value, "nanoseconds"):
        return _interval_text(value)
    return str(value)


def _inner_text(value: Any, local: bool) -> str:
    return "NULL" if value is None else cell_text(value, local)


def _moment_text(value: datetime, local: bool) -> str:
    if value.tzinfo is None:
        return value.isoformat(" ")
    if local:
        return value.astimezone().isoformat(timespec="microseconds")
    text = value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text}Z"


def _interval_text(value: Any) -> str:
    """Return an interval in DuckDB's format: `1 month 2 days 03:00:00`."""
    parts = []
    for number, unit in ((value.months, "month"), (value.days, "day")):
        if number:
            parts.append(f"{number} {unit}{'' if abs(number) == 1 else 's'}")
    seconds = abs(value.nanoseconds) / 1e9
    if seconds or not parts:
        sign = "-" if value.nanoseconds < 0 else ""
        minutes, rest = divmod(seconds, 60)
        hours, minutes = divmod(int(minutes), 60)
        clock = f"{rest:09.6f}".removesuffix(".000000")
        parts.append(f"{sign}{hours:02d}:{minutes:02d}:{clock}")
    return " ".join(parts)
