"""Kinds of fields, by a sample of lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.fields.values import Value
from logsrv.linelog.sql.columns import ColumnType
from logsrv.linelog.sql.sample import Sample, kind_of_value, spread
from tests.linelog.read.stores import lines, make_store, view_of


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
def test_kinds_of_values(value: Value, kind: ColumnType) -> None:
    assert kind_of_value(value) is kind


def test_a_field_is_what_all_of_its_values_are(tmp_path: Path) -> None:
    messages = ["a=1 b=1 c=1 d=x", "a=2 b=2.5 c=x d=y", "no fields"]
    sample = Sample(view_of(make_store(tmp_path / "logs", [lines(messages), lines(messages)])))
    kinds = {name: sample.kind(name) for name in "abcde"}
    assert kinds == {
        "a": ColumnType.INTEGER,
        "b": ColumnType.NUMBER,
        **dict.fromkeys("cde", ColumnType.TEXT),
    }
    assert sample.kind_of_number("c") is ColumnType.INTEGER
    assert sample.kind_of_number("b") is ColumnType.NUMBER


def test_few_lines_from_all_over_a_text_are_enough() -> None:
    found = spread(b"".join(b"%d\n" % number for number in range(10_000)))
    assert 100 < len(found) < 200
    assert found[0] == b"0"
    assert int(found[-1]) > 9900
