"""Records of several lines as people and programs see them."""

import json

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.read.render import LineStyle
from logsrv.linelog.read.render_records import make_record_renderer
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import Position
from tests.parts.stores import line

HEAD = "2026-11-20T06:00:00.000000Z tcp:127.0.0.1:51234 "
TEXT = LineStyle()


def shown(*messages: str | bytes, style: LineStyle = TEXT, fold: bool = False) -> str:
    hits = [
        Hit(Position(1, number), line(message).removesuffix(b"\n"))
        for number, message in enumerate(messages)
    ]
    render = make_record_renderer(style, make_matcher(parse("boom")), fold=fold)
    return render(hits, False).decode()


def test_further_lines_stand_below_the_first_one():
    assert shown("failed", "\tat f", "x: no") == HEAD + "failed\n    \tat f\n    x: no\n"
    assert shown("failed", "\tat f", "x: no", fold=True) == HEAD + "failed +2\n"
    assert shown("alone") == shown("alone", fold=True) == HEAD + "alone\n"


def test_a_record_that_is_stored_as_one_line_has_its_line_breaks():
    assert shown(r"a\x0d\x0a\x09b\x0ac \\x0a") == HEAD + "a\n    \tb\n    c \\\\x0a\n"
    assert shown(r"a\x0ab", fold=True) == HEAD + "a +1\n"
    text = json.dumps({"message": "a\n\tb\\n", "stack": "c\n"})
    assert shown(text) == HEAD + '{"message": "a\n    \tb\\\\n", "stack": "c\\n"}\n'


def test_further_lines_are_the_texts_in_frames_and_objects():
    frames = ["<13>1 2026-11-26T08:00:00Z web shop 7 - - a", '{"log": " b\\n  c\\n"}']
    assert shown(*frames) == f"{HEAD}{frames[0]}\n     b\n      c\n"


def test_the_parts_of_a_cut_line_are_one_line_with_one_prefix_and_its_own_fields():
    begin = "2026-11-26T08:00:00.1Z stdout"
    parts = [f'{begin} P {{"level":"error","mess', f'{begin} F age":"boom","n":1}}']
    whole = f'{begin} F {{"level":"error","message":"boom","n":1}}'
    assert shown(*parts) == shown(*parts, fold=True) == f"{HEAD}{whole}\n"
    assert shown(*parts, f"{begin} F \tat f") == f"{HEAD}{whole}\n    \tat f\n"
    assert shown(*parts, f"{begin} P \tat ", f"{begin} F f", fold=True) == f"{HEAD}{whole} +1\n"
    assert "\x1b[31m" in shown(*parts, style=LineStyle(color=True))
    found = json.loads(shown(*parts, f"{begin} F \tat f", style=LineStyle("json")))
    assert (found["message"], found["lines"]) == (f"{whole}\n\tat f", 3)
    assert (found["level"], found["fields"]["n"], found["position"]) == ("error", 1, "1:0")
    raw = shown(*parts, style=LineStyle("raw", escaped=False))
    assert raw == "".join(f"{part}\n" for part in parts)


def test_no_message_can_forge_a_line():
    forged = f"a\\x0a{HEAD}forged\\x0a\x1b[2J\r\u2028x"
    assert shown(forged, f"{HEAD}\x1b[1G") == (
        f"{HEAD}a\n    {HEAD}forged\n    \\x1b[2J\\x0d\\u2028x\n    {HEAD}\\x1b[1G\n"
    )


def test_the_number_of_lines_survives_the_cut_and_further_lines_are_cut_too():
    style = LineStyle(width=60)
    assert shown("x" * 80, "\ty", style=style, fold=True) == f"{HEAD}{'x' * 8}… +1\n"
    assert shown("x" * 80, "y" * 80, style=style) == f"{HEAD}{'x' * 11}…\n    {'y' * 55}…\n"


def test_matches_are_highlighted_in_all_lines_and_the_number_is_dimmed():
    style = LineStyle(color=True)
    found = shown('{"level": "error", "msg": "a\\nboom"}', " boom", style=style)
    assert found.count("\x1b[31m\x1b[1;30;43mboom\x1b[0m") == 2
    assert shown("boom", " x", style=style, fold=True).endswith("boom\x1b[0m\x1b[2m +1\x1b[0m\n")


def test_programs_get_one_object_or_all_lines_as_they_were():
    for fold in (False, True):
        found = json.loads(shown(r"a\x0ab", "\tc", style=LineStyle("json"), fold=fold))
        assert (found["message"], found["lines"]) == ("a\nb\n\tc", 2)
        assert (found["position"], found["source"]) == ("1:0", "tcp:127.0.0.1:51234")
    raw = LineStyle("raw", escaped=False)
    assert shown(r"a\x0ab", "\tc", style=raw) == "a\\x0ab\n\tc\n"
