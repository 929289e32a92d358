"""Lines as people and programs get them."""

import csv
import io
import json
import re
import time

import pytest

from logsrv.linelog.fields.forms.json import one as fields_json
from logsrv.linelog.query.field_names import plain_field_names
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records.render_records import make_record_renderer
from logsrv.linelog.read.render import (
    LineStyle,
    csv_renderer,
    csv_rows,
    cut_to_width,
    hit_document,
    make_block_renderer,
    make_renderer,
    safe_json,
)
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line

EVIL = "\x1b]0;title\x07 \x9b2J \u202eevil\u2066 \u2028next \x7f".encode() + b"\xff\xfe"


def hit(message: str | bytes) -> Hit:
    return Hit(Position(3, 17), line(message)[:-1])


def shown(message: str | bytes, style: LineStyle, query: str = "") -> str:
    return make_renderer(style, make_matcher(parse(query)))(hit(message), False).decode()


@pytest.mark.parametrize(
    "style",
    [
        LineStyle(),
        LineStyle(color=True),
        LineStyle(width=500),
        LineStyle(local=True),
        LineStyle(output="raw"),
        LineStyle(output="json"),
    ],
)
def test_nothing_drives_a_terminal(style):
    text = shown(EVIL, style, "evil")
    ours = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert ours.endswith("\n")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", ours[:-1])
    assert "\n" not in ours[:-1]


def test_a_raw_message_in_a_pipe_is_as_it_came():
    raw = make_renderer(LineStyle(output="raw", escaped=False))(hit(EVIL), False)
    assert raw == EVIL + b"\n"


def test_many_lines_at_once_are_as_each_of_them():
    render = make_block_renderer(LineStyle())
    assert render is not None
    for messages in ([b"a", b"", b"tab\tb"], [b"a", EVIL, b"b"], ["é".encode()], [b"\x1b"], [b""]):
        hits = [hit(message) for message in messages]
        each = [make_renderer(LineStyle())(one, False) for one in hits]
        assert render(b"".join(one.line + b"\n" for one in hits)) == b"".join(each)
    for style in (
        LineStyle("raw"),
        LineStyle("json"),
        LineStyle(color=True),
        LineStyle(local=True),
        LineStyle(width=80),
    ):
        assert make_block_renderer(style) is None


def test_the_json_of_a_line_has_all_its_parts():
    found = hit_document(hit('{"level": "warn", "a": {"b": [1, "x"]}}'), context=True)
    assert found["position"] == "3:17"
    assert found["level"] == "warning"
    assert found["fields"] == {"level": "warn", "a.b": [1, "x"]}
    assert found["context"] is True
    assert json.loads(shown("plain", LineStyle(output="json")))["level"] is None


def test_json_of_anything_is_valid_and_one_line():
    value = {"text": "".join(map(chr, range(0x2100))) + "\ud800"}
    text = safe_json(value)
    assert len(text.splitlines()) == 1
    assert json.loads(text)["text"][:0x2100] == value["text"][:0x2100]


def test_matches_are_highlighted_in_the_message_alone():
    text = shown("a tcp line, TCP", LineStyle(color=True), "tcp")
    assert text.count("\x1b[1;30;43mtcp\x1b[0m") == 1
    assert "\x1b[1;30;43mTCP\x1b[0m" in text


def test_each_level_has_its_colour():
    assert "\x1b[31m[ERROR] no\x1b[0m" in shown("[ERROR] no", LineStyle(color=True))


@pytest.mark.parametrize("color", [False, True])
def test_long_lines_are_cut_to_the_terminal(color):
    text = shown("x" * 500, LineStyle(color=color, width=100))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip("\n")
    assert len(plain) == 100
    assert plain.endswith("x…")


@pytest.mark.parametrize("width", [1, 20, 40, 41, 42, 43, 60])
@pytest.mark.parametrize("color", [False, True])
def test_no_line_is_wider_than_a_narrow_terminal(width, color):
    text = shown("x" * 500, LineStyle(color=color, width=width))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip("\n")
    assert len(plain) == width
    assert plain.endswith("…")


def test_a_source_that_is_not_utf8_is_shown_escaped():
    """Somebody else's line, or a damaged one."""
    foreign = Hit(Position(1, 0), b"2026-11-20T06:18:42.000001Z tcp:\xad x")
    assert b"tcp:\\xad" in make_renderer(LineStyle(color=True))(foreign, False)


def test_wide_characters_take_two_columns():
    assert cut_to_width("日本語日本語", 7) == "日本語…"
    assert cut_to_width("short", 80) == "short"
    assert cut_to_width("exactly ten", 11) == "exactly ten"
    assert cut_to_width("abcdef", 4) == "abc…"


def test_a_line_without_a_stamp_is_all_message():
    alone = Hit(Position(1, 0), b"no stamp here at all")
    assert make_renderer(LineStyle(output="raw"))(alone, False) == b"no stamp here at all\n"
    assert make_renderer(LineStyle(color=True))(alone, False) == b"no stamp here at all\n"
    assert hit_document(alone)["source"] is None


@pytest.mark.parametrize(
    "line", [b"20261120 is a number", b"no stamp", b"9999-12-31T23:59:59.000000Z tcp:h:1 late"]
)
def test_what_is_no_time_is_not_made_local(line, monkeypatch):
    """A first word that looks like a day stays, as does a time that the zone has no year for."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        for style in (LineStyle(local=True), LineStyle(local=True, width=100)):
            assert make_renderer(style)(Hit(Position(1, 0), line), False) == line + b"\n"
    finally:
        monkeypatch.undo()
        time.tzset()


HEAD = "2026-11-20T06:00:00.000000Z tcp:127.0.0.1:51234 "
TEXT = LineStyle()


def shown_records(*messages: str | bytes, style: LineStyle = TEXT, fold: bool = False) -> str:
    hits = [
        Hit(Position(1, number), line(message).removesuffix(b"\n"))
        for number, message in enumerate(messages)
    ]
    render = make_record_renderer(style, make_matcher(parse("boom")), fold=fold)
    return render(hits, False).decode()


def test_further_lines_stand_below_the_first_one():
    assert shown_records("failed", "\tat f", "x: no") == HEAD + "failed\n    \tat f\n    x: no\n"
    assert shown_records("failed", "\tat f", "x: no", fold=True) == HEAD + "failed +2\n"
    assert shown_records("alone") == shown_records("alone", fold=True) == HEAD + "alone\n"


def test_a_record_that_is_stored_as_one_line_has_its_line_breaks():
    assert shown_records(r"a\x0d\x0a\x09b\x0ac \\x0a") == HEAD + "a\n    \tb\n    c \\\\x0a\n"
    assert shown_records(r"a\x0ab", fold=True) == HEAD + "a +1\n"
    text = json.dumps({"message": "a\n\tb\\n", "stack": "c\n"})
    assert shown_records(text) == HEAD + '{"message": "a\n    \tb\\\\n", "stack": "c\\n"}\n'


def test_further_lines_are_the_texts_in_frames_and_objects():
    frames = ["<13>1 2026-11-26T08:00:00Z web shop 7 - - a", '{"log": " b\\n  c\\n"}']
    assert shown_records(*frames) == f"{HEAD}{frames[0]}\n     b\n      c\n"


def test_the_parts_of_a_cut_line_are_one_line_with_one_prefix_and_its_own_fields():
    begin = "2026-11-26T08:00:00.1Z stdout"
    parts = [f'{begin} P {{"level":"error","mess', f'{begin} F age":"boom","n":1}}']
    whole = f'{begin} F {{"level":"error","message":"boom","n":1}}'
    assert shown_records(*parts) == shown_records(*parts, fold=True) == f"{HEAD}{whole}\n"
    assert shown_records(*parts, f"{begin} F \tat f") == f"{HEAD}{whole}\n    \tat f\n"
    assert (
        shown_records(*parts, f"{begin} P \tat ", f"{begin} F f", fold=True)
        == f"{HEAD}{whole} +1\n"
    )
    assert "\x1b[31m" in shown_records(*parts, style=LineStyle(color=True))
    found = json.loads(shown_records(*parts, f"{begin} F \tat f", style=LineStyle("json")))
    assert (found["message"], found["lines"]) == (f"{whole}\n\tat f", 3)
    assert (found["level"], found["fields"]["n"], found["position"]) == ("error", 1, "1:0")
    raw = shown_records(*parts, style=LineStyle("raw", escaped=False))
    assert raw == "".join(f"{part}\n" for part in parts)


def test_no_message_can_forge_a_line():
    forged = f"a\\x0a{HEAD}forged\\x0a\x1b[2J\r\u2028x"
    assert shown_records(forged, f"{HEAD}\x1b[1G") == (
        f"{HEAD}a\n    {HEAD}forged\n    \\x1b[2J\\x0d\\u2028x\n    {HEAD}\\x1b[1G\n"
    )


def test_the_number_of_lines_survives_the_cut_and_further_lines_are_cut_too():
    style = LineStyle(width=60)
    assert shown_records("x" * 80, "\ty", style=style, fold=True) == f"{HEAD}{'x' * 8}… +1\n"
    assert shown_records("x" * 80, "y" * 80, style=style) == f"{HEAD}{'x' * 11}…\n    {'y' * 55}…\n"


def test_matches_are_highlighted_in_all_lines_and_the_number_is_dimmed():
    style = LineStyle(color=True)
    found = shown_records('{"level": "error", "msg": "a\\nboom"}', " boom", style=style)
    assert found.count("\x1b[31m\x1b[1;30;43mboom\x1b[0m") == 2
    assert shown_records("boom", " x", style=style, fold=True).endswith(
        "boom\x1b[0m\x1b[2m +1\x1b[0m\n"
    )


def test_programs_get_one_object_or_all_lines_as_they_were():
    for fold in (False, True):
        found = json.loads(shown_records(r"a\x0ab", "\tc", style=LineStyle("json"), fold=fold))
        assert (found["message"], found["lines"]) == ("a\nb\n\tc", 2)
        assert (found["position"], found["source"]) == ("1:0", "tcp:127.0.0.1:51234")
    raw = LineStyle("raw", escaped=False)
    assert shown_records(r"a\x0ab", "\tc", style=raw) == "a\\x0ab\n\tc\n"


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
    monkeypatch.setattr(fields_json, "without_orjson", without_orjson)
    asked = parse_question('| extract "took <took> ms"' if "took" in columns else "")
    names = plain_field_names(columns)
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
    with pytest.raises(ValueError, match="is not the name of a field"):
        plain_field_names(text)


def test_the_store_is_a_column_like_others():
    hit = Hit(Position(1, 7).in_store(2), STAMP + b"x")
    for columns, row in ((None, "b,1:7,"), (("port", "store"), "51234,b\n")):
        head, render = csv_renderer(parse_question(""), columns, stores=("a", "b"))
        assert head.count(b"store") == 1 and render(hit).decode().startswith(row)
