"""Rows of the lake: each line once, with the fields that a query of the store finds."""

import pytest
from hypothesis import given

from logsrv.linelog.columns.arrow_texts import field_as_text
from logsrv.linelog.fields.parsed_line import ALIASES, ALWAYS, ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import displayable_text
from logsrv.linelog.lake.lake_file import SCHEMA, rows_of_lines
from tests.parts.sample_lines import KINDS, LINES, line

ODD = [
    b'{"a.b":1,"c d":"x","quote\\"":"y","\xc3\xa9":"\xc3\xbc"}',
    b'{"a":NaN,"b":9223372036854775808,"c":1.50,"d":1e400}',
    b'{"list":[1,"x",null,{"y":2}],"mixed":"[1]"}',
    b'{"mixed":[1]}',
    b"a=\xff \xff=1 app=\xfe",
    b'{"app":["x","y"],"app_":1}',
    b'{"app":"[\\"x\\",\\"y\\"]"}',
    b"",
]


def expected_fields(text: bytes) -> dict[str, str]:
    record = ParsedLine(text)
    found = {}
    for name in {*record.fields, *ALIASES, "status_class"} - {*ALWAYS, "app", "hostname"}:
        value = record.get(name, as_written=True)
        value = record.fields.get(name) if value is None else value
        if value is not None:
            found[name] = field_as_text(value)
    return found


def require_rows(held: list[bytes]) -> None:
    text = b"".join(one + b"\n" for one in held)
    batch = rows_of_lines(7, StampedLines(text), StampedLines(text).starts + 100)
    batch.validate(full=True)
    rows = batch.to_pylist()
    assert len(rows) == len(held)
    for one, row in zip(held, rows, strict=True):
        record = ParsedLine(one)
        assert row["segment"] == 7 and text[row["position"] - 100 :].startswith(one)
        assert dict(row["fields"]) == expected_fields(one)
        assert (row["message"], row["level"], row["port"]) == (
            record.message,
            record.level,
            record.port,
        )
        for name in ("source", "name", "host", "app", "hostname"):
            value = record.get(name, as_written=True)
            assert row[name] == (None if value is None else field_as_text(value))
        assert (row["time"] is None) == (record.time is None)


def test_lines_of_all_kinds_are_rows_with_their_fields():
    require_rows([line(one) for one in (*KINDS, *ODD)])


def test_a_field_with_lists_and_with_texts_that_look_so_is_there():
    """The columns of a store leave such a field out."""
    for one in ODD:
        require_rows([line(one), line(b'{"mixed":[1]}'), line(b'{"app":["x","y"]}')])


@given(LINES)
def test_any_lines_are_rows_with_their_fields(held):
    require_rows(held)


def test_lines_without_a_stamp_have_no_time_and_no_source():
    require_rows([b"no stamp", line(b"level=warn x=1", time="1969-12-31T23:59:59.999999Z")])


def test_a_name_that_is_not_utf_8_is_shown():
    text = line(b"a=1 b\xff=2 c=3") + b"\n"
    [row] = rows_of_lines(1, StampedLines(text), StampedLines(text).starts).to_pylist()
    shown = displayable_text(b"b\xff".decode("utf-8", "surrogateescape"))
    assert dict(row["fields"]) in ({"a": "1", shown: "2", "c": "3"}, {"a": "1", "c": "3"})


@pytest.mark.slow
def test_ten_thousand_names_are_all_there():
    text = b"".join(
        line(b"{%s}" % b",".join(b'"k%d":%d' % (n, n) for n in range(at, at + 500))) + b"\n"
        for at in range(0, 10_000, 500)
    )
    batch = rows_of_lines(1, StampedLines(text), StampedLines(text).starts)
    names = {key for row in batch.to_pylist() for key, _ in row["fields"]}
    assert len(names) == 10_000


def test_the_schema_is_that_of_format_1():
    """Another schema needs another version, and readers of both."""
    assert [(one.name, str(one.type)) for one in SCHEMA] == [
        ("time", "timestamp[us, tz=UTC]"),
        ("segment", "int64"),
        ("position", "int64"),
        ("source", "dictionary<values=string, indices=int32, ordered=0>"),
        ("name", "dictionary<values=string, indices=int32, ordered=0>"),
        ("host", "dictionary<values=string, indices=int32, ordered=0>"),
        ("port", "int32"),
        ("level", "dictionary<values=string, indices=int32, ordered=0>"),
        ("app", "dictionary<values=string, indices=int32, ordered=0>"),
        ("hostname", "dictionary<values=string, indices=int32, ordered=0>"),
        ("message", "string"),
        ("fields", "map<string, string>"),
    ]
