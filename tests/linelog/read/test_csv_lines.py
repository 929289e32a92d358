"""Lines as CSV with chosen columns."""

import csv
import io

import pytest

from logsrv.linelog.fields import json
from logsrv.linelog.query.language.parse import parse_field_names
from logsrv.linelog.query.language.pipeline import parse_question
from logsrv.linelog.read.csv_lines import csv_renderer, csv_rows
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import Position

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "


@pytest.mark.parametrize(
    ("columns", "message", "row"),
    [
        ("time,host,app", b"app=shop n=1", "2026-11-20T06:18:42.123456Z,10.0.0.1,shop"),
        ("message, position", b"a,b", '"a,b",1:7'),
        ("port,name,nosuch,status_class", b'{"status":404}', "51234,web,,4xx"),
        ("a,b,c", b'{"a":[1,null,"x"],"b":true,"c":1.50}', '"1,x",true,1.50'),
        ("x,a", b"a=\xff b=2", ",\\xff"),
        ("took", b"took 5 ms took=7 a=1", "5"),
        ("a,b,c", b'{"a":"","b":null}', '"",,'),
        ("a,b", b'a="" b=1 c=2', '"",1'),
        ("a,b", b'{"a":[""],"b":[]}', '"",'),
        ("a", b'{"a":""}', '""'),
        ("a", b'{"b":""}', ""),
        ("app,msgid", b'<13>1 - - app - - - ', "app,"),
        ("a,b", b'{"a":"x\\ry","b":" "}', '"x\ry", '),
        ("a,b", b'{"a":"say \\"\\"","b":"\\n"}', '"say """"","\n"'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("without_orjson", [0, 400])
def test_a_row_has_the_columns_in_their_order(columns, message, row, without_orjson, monkeypatch):
    """An unknown field is empty, and an extracted one hides one of its name. Numbers are as written."""
    monkeypatch.setattr(json, "without_orjson", without_orjson)
    asked = parse_question('| extract "took <took> ms"' if "took" in columns else "")
    names = parse_field_names(columns)
    head, render = csv_renderer(asked, names)
    assert head.decode() == ",".join(names) + "\n"
    assert render(Hit(Position(1, 7), STAMP + message)).decode() == row + "\n"


def test_an_empty_text_is_quoted_and_a_missing_one_is_nothing():
    rows = [("a", "b"), ("", None), (None, ""), ('"', 1.5), (",", "x\ry")]
    found = csv_rows(rows)
    assert found == b'a,b\n"",\n,""\n"""",1.5\n",","x\ry"\n'
    assert [tuple(row) for row in csv.reader(io.StringIO(found.decode(), newline=""))] == [
        tuple("" if cell is None else str(cell) for cell in row) for row in rows
    ]


@pytest.mark.parametrize("text", ["", "a,", "a b", "a;b", ",", "5"])
def test_what_names_no_field_is_refused(text):
    with pytest.raises(ValueError, match="is no name of a field"):
        parse_field_names(text)


def test_the_store_is_a_column_like_others():
    hit = Hit(Position(1, 7).in_store(2), STAMP + b"x")
    for columns, row in ((None, "b,1:7,"), (("port", "store"), "51234,b\n")):
        head, render = csv_renderer(parse_question(""), columns, stores=("a", "b"))
        assert head.count(b"store") == 1 and render(hit).decode().startswith(row)
