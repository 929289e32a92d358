"""Binding: the fields that a statement names, and the types with which the statement is valid.

DuckDB itself decides, by its rules for names, aliases and types. The statement is tried on an empty table.
A name that DuckDB does not find is a field, and is added. If DuckDB complains about types, a field is tried
as text instead of number, or the other way round.

The type of a column has to be known before the first row is read. It is guessed from a few hundred lines of
a few frames: if all values of a field are numbers there, it is a column of numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeAlias

import duckdb

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.values import Value, number_of_text, number_of_value
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.text_search.expression import extractor
from logsrv.linelog.query.units import number_in_field_unit
from logsrv.linelog.read.texts import DamagedSegment
from logsrv.linelog.read.view import View
from logsrv.linelog.sql.columns import ALWAYS, ColumnType, quoted_identifier, tree_objects
from logsrv.linelog.sql.fault import DuckDBFault, parse_fault
from logsrv.linelog.sql.plan import EMPTY_SCAN

# The optimizers of DuckDB that move conditions. Others use the table's number of rows, which is 0 here, or
# make plans that DuckDB cannot serialize.
OPTIMIZERS = frozenset(
    (
        "expression_rewriter",
        "filter_pushdown",
        "filter_pullup",
        "cte_filter_pusher",
        "cte_inlining",
    )
)
Fields: TypeAlias = dict[str, ColumnType]
"""The fields that a statement names, each with a type."""
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_UNSIGNED = tuple(f"U{name}" for name in _INTEGERS)
_NUMBERS = frozenset((*_INTEGERS, *_UNSIGNED, "FLOAT", "DOUBLE", "DECIMAL"))
_FUNCTIONS = frozenset(("user", "current_user", "session_user", "current_role", "role"))


class StatementBinder:
    """A connection with an empty table `logs`, on which statements are tried.

    is_explained: whether these are EXPLAIN.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, kinds: LineSample, *, is_explained: bool
    ) -> None:
        self.connection = connection
        self._kinds = kinds
        self.is_explained = is_explained

    def bind_fields(self, statement: str) -> Fields:
        """Return the fields that `statement` names, with a type for each. Raises QueryError."""
        fields = {
            name: self._kinds.type_of_field(name)
            for name in self._fields_taken_for_functions(statement)
        }
        seen: list[Fields] = []
        # No type may suit the whole statement: `ms = 5 or ms = 'none'`.
        while fields not in seen:
            seen.append(fields)
            wrong = self.find_fault(statement, fields)
            if wrong is None:
                better = self._types_as_used(statement, fields)
            elif wrong.missing and wrong.missing not in fields:
                better = fields | {wrong.missing: self._kinds.type_of_field(wrong.missing)}
            else:
                other = self._with_one_type_changed(statement, fields, wrong)
                if other is None:
                    raise wrong.as_error(statement)
                better = other
            fields = better
        return fields

    def _fields_taken_for_functions(self, statement: str) -> list[str]:
        """Return fields of a statement that DuckDB would take for its functions of the same name."""
        columns = [
            one["column_names"]
            for one in tree_objects(self.syntax_tree(statement))
            if one.get("class") == "COLUMN_REF"
        ]
        return list(
            {name.lower(): name for *_, name in columns if name.lower() in _FUNCTIONS}.values()
        )

    def syntax_tree(self, statement: str) -> Any:
        """Return DuckDB's syntax tree of a statement, as parsed JSON; None if DuckDB cannot write it."""
        try:
            row = self.connection.execute(
                "SELECT json_serialize_sql($1::VARCHAR)", [statement]
            ).fetchone()
            return json.loads(row[0]) if row else None
        except (ValueError, TypeError, RecursionError):
            return None

    def is_valid_with(self, statement: str, fields: Fields) -> bool:
        """Return whether the statement is valid with these types, and converts no field to another."""
        return (
            self.find_fault(statement, fields) is None
            and self._types_as_used(statement, fields) == fields
        )

    def find_fault(self, statement: str, fields: Fields) -> DuckDBFault | None:
        """Return the fault of a statement with these fields; None if it is valid."""
        # PREPARE, because EXPLAIN draws its plan, which takes minutes if a constant has many megabytes.
        before = "" if self.is_explained else "PREPARE asked AS "
        try:
            self.connection.execute(_empty_table(fields))
        except duckdb.Error as error:
            # Two fields differ only in case: to SQL, their names are the same.
            return parse_fault(error)._replace(position=-1)
        try:
            self.connection.execute(before + statement).fetchall()
        except duckdb.Error as error:
            return parse_fault(error, len(before))
        return None

    def _with_one_type_changed(
        self, statement: str, fields: Fields, wrong: DuckDBFault
    ) -> Fields | None:
        """Return types, one of them changed, with which the statement is valid, or its fault further on."""
        for name, kind in fields.items():
            other = ColumnType.TEXT if kind.is_number else self._kinds.type_of_number_field(name)
            tried = fields | {name: other}
            left = self.find_fault(statement, tried)
            if left is None or left.position > wrong.position >= 0:
                return tried
        return None

    def _types_as_used(self, statement: str, fields: Fields) -> Fields:
        """Return the types; one is changed if DuckDB would convert the field's values, which may fail."""
        for name, is_number in misused_columns(self.duckdb_plan(statement, optimized=False)):
            if name in fields and fields[name].is_number != is_number:
                other = self._kinds.type_of_number_field(name) if is_number else ColumnType.TEXT
                return fields | {name: other}
        return fields

    def duckdb_plan(self, statement: str, *, optimized: bool) -> Any:
        """Return DuckDB's plan of the statement on the table of the last try; None if there is none."""
        try:
            row = self.connection.execute(
                f"SELECT json_serialize_plan($1::VARCHAR, optimize := {optimized})", [statement]
            ).fetchone()
            found = json.loads(row[0]) if row else {}
        except (duckdb.Error, ValueError, RecursionError):
            return None
        return found.get("plans")


def _empty_table(fields: Fields) -> str:
    """Return the statement that makes `logs` without rows, for plans."""
    columns = ALWAYS | {name: kind.value for name, kind in fields.items()}
    nulls = ", ".join(f"NULL::{kind}" for kind in columns.values())
    names = ", ".join(map(quoted_identifier, columns))
    return f"CREATE OR REPLACE VIEW logs AS FROM {EMPTY_SCAN}({nulls}, num_rows := 0) logs({names})"


def misused_columns(plan: Any) -> Iterator[tuple[str, bool]]:
    """Yield columns that a plan uses with the wrong type.

    True: a column of text is converted to numbers. False: a column of numbers is compared with a text that
    is no number.
    """
    for expression in tree_objects(plan):
        children = expression.get("children") or []
        if expression.get("type") == "OPERATOR_CAST":
            strict = not (expression.get("function_data") or {}).get("try_cast")
            if (
                strict
                and _return_type_of(expression) in _NUMBERS
                and _return_type_of(children[0]) == "VARCHAR"
            ):
                yield str(children[0].get("alias", "")), True
        elif any(map(_is_no_number, children)):
            for child in children:
                yield str(child.get("alias", "")), False


def _return_type_of(expression: dict[str, Any]) -> str:
    return str((expression.get("return_type") or {}).get("id", ""))


def _is_no_number(expression: dict[str, Any]) -> bool:
    """Return whether an expression converts a constant text, which is no number, to a number."""
    if expression.get("type") != "OPERATOR_CAST" or _return_type_of(expression) not in _NUMBERS:
        return False
    value = (expression["children"][0].get("value") or {}).get("value")
    return isinstance(value, str) and number_of_text(value.strip()) is None


_FRAMES = 12
_LINES = 150
_INT64 = 1 << 63


class LineSample:
    """A sample of a store's lines, which is read when the first field is asked for."""

    def __init__(self, view: View, extractions: Sequence[Extraction] = ()) -> None:
        """extractions: of a query, whose fields have types, too."""
        self._view = view
        self._extracted = {
            name: extractor(one.pattern, [name]) for one in extractions for name in one.names
        }

    def type_of_field(self, name: str) -> ColumnType:
        """Return the type of the field called `name`; TEXT if no line of the sample has it."""
        return self._narrowest_type(name, only_numbers=True) or ColumnType.TEXT

    def type_of_number_field(self, name: str) -> ColumnType:
        """Return INTEGER or NUMBER for a field that is used as a number, even if some values are not."""
        return self._narrowest_type(name, only_numbers=False) or ColumnType.INTEGER

    def _narrowest_type(self, name: str, *, only_numbers: bool) -> ColumnType | None:
        kind = None
        for record in self._sample_records:
            value = self._value_of(record, name)
            if value is None:
                continue
            fits = type_of_value(value)
            if fits is ColumnType.TEXT:
                if only_numbers:
                    return ColumnType.TEXT
                if not isinstance(value, list) and number_in_field_unit(name, value) is not None:
                    kind = ColumnType.NUMBER
            elif kind is not ColumnType.NUMBER:
                kind = fits
        return kind

    def _value_of(self, record: ParsedLine, name: str) -> Value | None:
        extracted = self._extracted.get(name)
        return record.get(name) if extracted is None else extracted(record.body)[0]

    @cached_property
    def _sample_records(self) -> list[ParsedLine]:
        return list(self._read_sample())

    def _read_sample(self) -> Iterator[ParsedLine]:
        """Yield lines of up to 12 frames: of the last segment and of others at regular distances."""
        numbers = [segment.number for segment in self._view.segments]
        step = max(1, -(-len(numbers) // _FRAMES))
        chosen = numbers[::-1][::step]
        for number_ in chosen:
            frames = self._view.open_segment(number_)
            if frames is None:
                continue
            # Damage is skipped here: reading the store for the answer reports it.
            with frames, suppress(DamagedSegment, OSError):
                each = max(1, _FRAMES // len(chosen))
                for frame in {frames.count * part // each for part in range(each)}:
                    if frame < frames.count:
                        for _, text in frames.lines_between(*frames.frame_bounds(frame)):
                            yield from map(ParsedLine, lines_at_distances(text))


def lines_at_distances(text: bytes) -> list[bytes]:
    """Return lines of `text` at regular distances."""
    lines = text.removesuffix(b"\n").split(b"\n")
    return lines[:: max(1, len(lines) // _LINES)]


def type_of_value(value: Value) -> ColumnType:
    """Return the narrowest type that can hold `value`."""
    found = None if isinstance(value, list) else number_of_value(value)
    if found is None:
        return ColumnType.TEXT
    if found == int(found) and -_INT64 <= found < _INT64 and not isinstance(value, float):
        return ColumnType.INTEGER
    return ColumnType.NUMBER
