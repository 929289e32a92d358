"""Read all fields of all lines of a text into columns."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

import numpy

from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.fields.json import LONGEST_NAME, flatten_object
from logsrv.linelog.fields.record import ALIASES, ALWAYS, Record
from logsrv.linelog.fields.servers import STATUS_CLASS
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import Scalar, Value, text_of_value


class LineFields(NamedTuple):
    """The fields of some lines, by the name that a query uses.

    fields: without those that a stamp tells, and without names that begin with `fields.` or `syslog.`.
    left_out: names whose values are not exact here, besides those that the caller skipped. complete:
    whether no line has a field of any other name; false if there are too many names, or odd ones.
    """

    lines: int
    fields: dict[str, CodedField]
    left_out: frozenset[str]
    complete: bool = True


def read_all_fields(stamps: StampedLines, skip: Collection[str] = ()) -> LineFields:
    """Return the fields of all lines, without those called `skip`, as `Record.get` gives them."""
    found: dict[str, dict[int, Value]] = defaultdict(dict)
    complete = True
    for row in range(len(stamps)):
        record = Record(stamps.line(row))
        for name in _names_of(record):
            value = record.get(name, as_written=True)
            if len(name) > LONGEST_NAME or not _is_usual(name):
                complete = complete and name.startswith(("fields.", "syslog."))
            elif value is not None and name not in skip:
                found[name][row] = value
    fields = {name: _coded(len(stamps), values) for name, values in found.items()}
    left_out = frozenset(name for name, field in fields.items() if field is None)
    known = {name: field for name, field in fields.items() if field is not None}
    return LineFields(len(stamps), known, left_out, complete)


def _names_of(record: Record) -> set[str]:
    names = {*ALIASES, STATUS_CLASS, *(record.header.fields if record.header else ())}
    is_object = record.kind == "json"
    names.update(flatten_object(record._content) if is_object else record._content)
    return names.difference(ALWAYS)


def _is_usual(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not name.startswith(("fields.", "syslog."))


def _coded(lines: int, values: dict[int, Value]) -> CodedField | None:
    index: dict[tuple[str, bool], int] = {}
    codes = numpy.full(lines, -1, numpy.int32)
    for row, value in values.items():
        key = (
            (text_of_list(value), True)
            if isinstance(value, list)
            else (text_of_value(value), False)
        )
        codes[row] = index.setdefault(key, len(index))
    texts = [text for text, _ in index]
    if len({*texts}) < len(texts):
        return None
    return CodedField(codes, texts, frozenset(at for (_, is_list), at in index.items() if is_list))


def text_of_list(values: list[Scalar]) -> str:
    """Return the compact JSON of a list, with numbers as they were written."""
    return f"[{','.join(map(_json_of, values))}]"


def _json_of(value: Scalar) -> str:
    if not isinstance(value, str):
        return text_of_value(value)
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
