"""The table `logs`: the columns that it always has, the types that fields may have, and that of levels.

Levels are an ENUM in the order of severity. DuckDB compares an ENUM with a text as texts, and then 'info'
is greater than 'error'. So before a statement such as `level >= 'error'` is run, its text is replaced with
a value of the ENUM.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.linelog.fields.level_names import LEVELS, canonical_level

TYPE = "log_level"
"""The name of the type."""
CREATED = f"CREATE TYPE {TYPE} AS ENUM ({', '.join(map(repr, LEVELS))})"


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
NO_COLUMN = "no column"
"""The first column of the stream, which no statement sees: DuckDB reads it where it only counts rows."""


def quoted_identifier(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def arrow_schema(fields: Mapping[str, ColumnType]) -> pyarrow.Schema:
    """Return Arrow's schema of the columns. Texts are dictionary-encoded, except messages."""
    types = {
        "TIMESTAMPTZ": pyarrow.timestamp("us", "UTC"),
        "VARCHAR": _ENCODED,
        TYPE: _ENCODED,
        "JSON": pyarrow.string(),
        "BIGINT": pyarrow.int64(),
        "DOUBLE": pyarrow.float64(),
    }
    every = ALWAYS | {name: kind.value for name, kind in fields.items()}
    return pyarrow.schema(
        pyarrow.field(
            name,
            pyarrow.string() if name == "message" else types[kind],
            metadata=_JSON if kind == "JSON" else None,
        )
        for name, kind in every.items()
    )


_ENCODED = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
# Tells DuckDB that a text is JSON.
_JSON = {"ARROW:extension:name": "arrow.json", "ARROW:extension:metadata": ""}


# The beginnings of DuckDB's names of four comparisons: each also stands before OREQUALTO.
_ORDERS = ("COMPARE_LESSTHAN", "COMPARE_GREATERTHAN")


def replace_level_texts(statement: str, tree: Any) -> str:
    """Return the statement with texts replaced by levels wherever it compares `level` by order.

    tree: DuckDB's syntax tree of the statement. Raises QueryError for a text that is no level.
    """
    text = statement.encode()
    found = {int(one["query_location"]): one for one in _texts_compared_with_level(tree)}
    for at, constant in sorted(found.items(), reverse=True):
        end = at + int(constant["query_location_length"])
        written = constant["literal"]["text"]
        name = canonical_level(written)
        if name is None:
            raise QueryError(
                f"{one_line(written, 60)} is not a level; these are: {', '.join(LEVELS)}",
                len(text[:at].decode(errors="replace")) + 1,
            )
        text = text[:at] + f"'{name}'::{TYPE}".encode() + text[end:]
    return text.decode()


def _texts_compared_with_level(tree: Any) -> Iterator[Any]:
    """Yield the constant texts that are compared by order with a column called level."""
    for item in tree_objects(tree):
        if item.get("class") == "BETWEEN":
            sides = [item["input"], item["lower"], item["upper"]]
        elif str(item.get("type")).startswith(_ORDERS):
            sides = [item["left"], item["right"]]
        else:
            continue
        if any(_is_level_column(side) for side in sides):
            yield from (side for side in sides if _is_text_constant(side))


def tree_objects(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield each object of DuckDB's syntax tree or plan, the outer ones first."""
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            yield item
            stack.extend(reversed(item.values()))


def _is_level_column(expression: Any) -> bool:
    names = expression.get("column_names") or [""]
    return expression.get("class") == "COLUMN_REF" and str(names[-1]).lower() == "level"


def _is_text_constant(expression: Any) -> bool:
    return (expression.get("literal") or {}).get("kind") == "STRING"
