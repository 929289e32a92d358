"""The table's columns in SQL and in Arrow."""

from __future__ import annotations

from logsrv.linelog.sql.columns import ALWAYS, ColumnType, declaration, quoted, schema


def test_fields_come_behind_the_columns_that_are_always_there() -> None:
    fields = {"status": ColumnType.INTEGER, 'a"b': ColumnType.TEXT, "ms": ColumnType.NUMBER}
    assert declaration(fields).endswith(
        '"offset" BIGINT, "status" BIGINT, "a""b" VARCHAR, "ms" DOUBLE'
    )
    assert schema(fields).names == [*ALWAYS, "status", 'a"b', "ms"]
    assert str(schema(fields).field("time").type) == "timestamp[us, tz=UTC]"


def test_a_name_cannot_end_its_quotes() -> None:
    assert quoted('x" int); drop table y; --') == '"x"" int); drop table y; --"'
