"""Lines as people and programs get them."""

import json
import re
import time

import pytest

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.read.render import (
    LineStyle,
    cut_to_width,
    hit_document,
    make_block_renderer,
    make_renderer,
    safe_json,
)
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import Position
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
