"""The table `logs`: the columns that it always has, and the types that fields may have."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import pyarrow

from logsrv.linelog.sql.levels import TYPE


class ColumnType(enum.Enum):
    """The type of a field's column, by its name in DuckDB."""

    TEXT = "VARCHAR"
    INTEGER = "BIGINT"
    NUMBER = "DOUBLE"

    @property
    def is_number(self) -> bool:
        """True if the column has numbers."""
        return self is not ColumnType.TEXT


ALWAYS = {
    "time": "TIMESTAMPTZ",
    "source": "VARCHAR",
    "name": "VARCHAR",
    "host": "VARCHAR",
    "level": TYPE,
    "message": "VARCHAR",
    "fields": "JSON",
    "segment": "BIGINT",
    "offset": "BIGINT",
}
"""The columns that the table has for every statement, in order, with their types."""


def column_declarations(fields: Mapping[str, ColumnType]) -> str:
    """Return the columns with their types, in the syntax of CREATE TABLE."""
    every = ALWAYS | {name: kind.value for name, kind in fields.items()}
    return ", ".join(f"{quoted_identifier(name)} {kind}" for name, kind in every.items())


def quoted_identifier(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def arrow_schema(fields: Mapping[str, ColumnType]) -> pyarrow.Schema:
    """Return Arrow's schema of the columns. Columns with few different values are dictionary-encoded."""
    types = {
        "TIMESTAMPTZ": pyarrow.timestamp("us", "UTC"),
        "VARCHAR": pyarrow.string(),
        "JSON": pyarrow.string(),
        "BIGINT": pyarrow.int64(),
        "DOUBLE": pyarrow.float64(),
    }
    every = ALWAYS | {name: kind.value for name, kind in fields.items()}
    return pyarrow.schema(
        pyarrow.field(
            name,
            _ENCODED if name in _OF_FEW else types[kind],
            metadata=_JSON if kind == "JSON" else None,
        )
        for name, kind in every.items()
    )


_OF_FEW = ("source", "name", "host", "level")
_ENCODED = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
# Tells DuckDB that a text is JSON.
_JSON = {"ARROW:extension:name": "arrow.json", "ARROW:extension:metadata": ""}
