"""Values of an answer as text, for the cells of a table or the fields of CSV."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow


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
