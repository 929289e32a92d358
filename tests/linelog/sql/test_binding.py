"""Fields that statements name, and their kinds."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from logsrv.errors import QueryError
from logsrv.linelog.sql.answer import connect_in_memory
from logsrv.linelog.sql.binding import (
    LineSample,
    StatementBinder,
    lines_at_distances,
    type_of_value,
)
from logsrv.linelog.sql.columns import (
    ALWAYS,
    ColumnType,
    arrow_schema,
    quoted_identifier,
)
from logsrv.linelog.sql.fault import DuckDBFault, parse_fault
from tests.parts.stores import lines, make_store, view_of

T, INT, N = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.NUMBER


class Known(LineSample):
    """Kinds by the first letter of the name."""

    def __init__(self) -> None:
        pass

    def type_of_field(self, name: str) -> ColumnType:
        return {"i": INT, "n": N}.get(name[0], T)

    def type_of_number_field(self, name: str) -> ColumnType:
        return INT


class NotedStatements:
    """A connection that notes what it is asked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.statements: list[str] = []

    def execute(self, statement: str, *arguments: object) -> duckdb.DuckDBPyConnection:
        self.statements.append(statement)
        return self._connection.execute(statement, *arguments)


@pytest.fixture
def binder(tmp_path: Path) -> Iterator[StatementBinder]:
    connection = connect_in_memory(str(tmp_path), utc=True)
    yield StatementBinder(connection, Known(), is_explained=False)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "fields"),
    [
        ("select time, message from logs", {}),
        ("select i1, n1, t1 from logs", {"i1": INT, "n1": N, "t1": T}),
        ("select l.i1 from logs l", {"i1": INT}),
        ('select "t.a b" from logs', {"t.a b": T}),
        ("select count(*) as total from logs order by total", {}),
        ("select lower(t1) as t1 from logs group by t1", {"t1": T}),
        ("select date_trunc('hour', time) as hour, count(*) from logs group by hour", {}),
        ("with a as (select i1 as x from logs) select x from a", {"i1": INT}),
        ("select count(*) from logs where i1 = 'bob'", {"i1": T}),
        ("select count(*) from logs where i1 in ('5', '6')", {"i1": INT}),
        ("select lower(i1) from logs", {"i1": T}),
        ("select avg(t1) + avg(t2) from logs", {"t1": INT, "t2": INT}),
        ("select 1 from logs where t1 >= 500 and t2 = 3", {"t1": INT, "t2": INT}),
        ("select cast(t1 as int), try_cast(t2 as int) from logs", {"t1": INT, "t2": T}),
        ("select user from logs", {"user": T}),
        ("select 1 from logs a join logs b using (i1)", {"i1": INT}),
        ("describe select i1 from logs", {"i1": INT}),
    ],
)
def test_fields_get_their_types(binder, statement, fields):
    assert binder.bind_fields(statement) == fields


@pytest.mark.parametrize(
    "statement",
    [
        "select x from logs l, (select 1) b where b.x = 1",
        "select avg(message) from logs",
        "select nope(1)",
        "select A, a from nowhere",
        "with a as (select host from logs) select x from a",
    ],
)
def test_errors_are_not_mistaken_for_fields(binder, statement):
    with pytest.raises(QueryError):
        binder.bind_fields(statement)


def test_kinds_that_cannot_suit_all_do_not_go_round_for_ever(binder):
    assert binder.bind_fields("select 1 from logs where t1 = 5 or t1 = 'x'").keys() == {"t1"}


def test_no_plan_is_drawn_to_bind_a_statement(binder):
    """With `repeat('x', 30000000)` in it that took DuckDB 20 s, in which it heard no signal."""
    noted = binder.connection = NotedStatements(binder.connection)  # type: ignore[assignment]
    assert binder.bind_fields("select repeat('x', 30), t1 from logs") == {"t1": T}
    assert {statement.partition("(")[0].split()[0] for statement in noted.statements} == {
        *("CREATE", "PREPARE", "SELECT")
    }
    asked = [one for one in noted.statements if one.startswith("SELECT")]
    assert all("json_serialize_" in one and "optimize := True" not in one for one in asked)


def test_fields_come_behind_the_columns_that_are_always_there():
    fields = {"status": ColumnType.INTEGER, 'a"b': ColumnType.TEXT, "ms": ColumnType.NUMBER}
    assert arrow_schema(fields).names == [*ALWAYS, "status", 'a"b', "ms"]
    assert str(arrow_schema(fields).field("time").type) == "timestamp[us, tz=UTC]"


def test_a_name_cannot_end_its_quotes():
    assert quoted_identifier('x" int); drop table y; --') == '"x"" int); drop table y; --"'


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("500", ColumnType.INTEGER),
        (500, ColumnType.INTEGER),
        ("1.5", ColumnType.NUMBER),
        (1.0, ColumnType.NUMBER),
        ("x", ColumnType.TEXT),
        (True, ColumnType.TEXT),
        ([1], ColumnType.TEXT),
        (1 << 63, ColumnType.NUMBER),
        ("", ColumnType.TEXT),
    ],
)
def test_each_value_has_its_narrowest_type(value, kind):
    assert type_of_value(value) is kind


def test_a_field_is_what_all_of_its_values_are(tmp_path):
    messages = ["a=1 b=1 c=1 d=x", "a=2 b=2.5 c=x d=y", "no fields"]
    sample = LineSample(view_of(make_store(tmp_path / "logs", [lines(messages), lines(messages)])))
    kinds = {name: sample.type_of_field(name) for name in "abcde"}
    assert kinds == {
        "a": ColumnType.INTEGER,
        "b": ColumnType.NUMBER,
        **dict.fromkeys("cde", ColumnType.TEXT),
    }
    assert sample.type_of_number_field("c") is ColumnType.INTEGER
    assert sample.type_of_number_field("b") is ColumnType.NUMBER


def test_a_sample_has_lines_from_all_over_a_text():
    found = lines_at_distances(b"".join(b"%d\n" % number for number in range(10_000)))
    assert 100 < len(found) < 200
    assert found[0] == b"0"
    assert int(found[-1]) > 9900


def said(**parts: str) -> DuckDBFault:
    return parse_fault(Exception("Binder Error: " + json.dumps(parts)), added=8)


def test_a_sentence_is_the_first_line_and_the_advice():
    found = said(
        exception_type="Catalog",
        exception_message="There is no log.\nDid you mean logs?\n",
        position="22",
    )
    assert found == DuckDBFault("Catalog", "There is no log. Did you mean logs?", 14, "")


def test_a_table_that_is_not_there_is_answered_with_the_one_that_is():
    message = 'Table with name lines does not exist!\nDid you mean "pg_index"?'
    found = said(exception_type="Catalog", exception_message=message)
    assert found.sentence == "there is no table lines; the lines are in the table logs"


@pytest.mark.parametrize(
    "parts",
    [
        {
            "exception_message": "Referenced column",
            "name": "a b",
            "error_subtype": "COLUMN_NOT_FOUND",
        },
        {"exception_message": 'Table "l" does not have a column named "a b"'},
        {"exception_message": 'Column "a b" does not exist on left side of join!'},
    ],
)
def test_a_column_that_is_missing_is_named(parts):
    assert said(**parts).missing == "a b"


def test_an_error_that_is_not_json_is_the_sentence():
    assert parse_fault(Exception("odd")) == DuckDBFault("", "odd", -1, "")


def test_the_place_of_an_error_counts_characters():
    error = DuckDBFault("Binder", "wrong", len("select 'é', ".encode()), "").as_error(
        "select 'é', x"
    )
    assert (error.sentence, error.at) == ("wrong", 13)
    assert DuckDBFault("Binder", "wrong", 99, "").as_error("x").at == 0
