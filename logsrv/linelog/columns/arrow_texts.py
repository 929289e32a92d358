"""Fields as columns of texts in Arrow: for the table of `logsrv sql`, and for the files of a lake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow

from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.values import Value, displayable_text, text_of_value


def text_column(field: CodedField) -> Any:
    """Return the texts of a field in all lines, as a dictionary and codes."""
    return pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(field.codes, mask=field.codes < 0),
        pyarrow.array(fields_as_texts(field.values()), pyarrow.string()),
    )


def fields_as_texts(values: Sequence[Value | None]) -> list[str | None]:
    """Return the values of a field as texts."""
    return [
        value if value is None or (type(value) is str and value.isascii()) else field_as_text(value)
        for value in values
    ]


def field_as_text(value: Value) -> str:
    """Return the value of a field as text; a list is JSON."""
    if isinstance(value, str):
        return displayable_text(value)
    if isinstance(value, list):
        return to_compact_json(
            [displayable_text(one) if isinstance(one, str) else one for one in value]
        )
    return text_of_value(value)


def to_compact_json(value: Any) -> str:
    """Return compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
