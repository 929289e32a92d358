"""A text in pieces of whole lines, each with the offsets of its lines and messages."""

import numpy
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.query import literal_windows
from logsrv.linelog.query.line_spans import (
    all_line_spans,
    line_spans_at,
    number_of_lines,
    other_line_spans,
)
from logsrv.linelog.query.literal_windows import TextPiece, pieces_of_text

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "


def spans(text: bytes) -> list[tuple[int, int]]:
    return [
        one for some in pieces_of_text(text) for one in some.spans(numpy.arange(len(some.ends)))
    ]


@given(st.lists(st.binary(max_size=8)).map(b"\n".join), st.integers(1, 20))
def test_the_lines_of_all_pieces_are_those_of_the_text(text, size):
    before, literal_windows.SIZE = literal_windows.SIZE, size
    try:
        assert spans(text) == list(all_line_spans(text))
    finally:
        literal_windows.SIZE = before


@given(st.lists(st.builds(lambda cut, more: STAMP[cut:] + more, st.integers(0, 60), st.binary())))
def test_messages_begin_behind_stamps(lines):
    lines = [line.replace(b"\n", b"") for line in lines]
    text = b"".join(line + b"\n" for line in lines)
    if text:
        one = TextPiece(text, 0, len(text))
        known = [ParsedLine(line).start for line in lines]
        assert (one.messages - one.starts).tolist() == known


def test_a_line_that_is_longer_than_a_piece_is_one():
    text = b"a\n" + b"x" * (2 * literal_windows.SIZE) + b"\nb"
    assert [len(some.ends) for some in pieces_of_text(text)] == [1, 1, 1]
    assert spans(text)[1] == (2, 2 + 2 * literal_windows.SIZE)


def test_spans_are_as_a_list_of_pairs():
    one = TextPiece(b"a\nbc\n", 0, 5)
    found = one.spans(numpy.array([0, 1]))
    assert len(found) == 2 and found[-1] == (2, 4)
    assert list(found) == [(0, 1), (2, 4)] and list(found[:1]) == [(0, 1)]


SHORT_STAMP = b"2026-11-20T06:18:42.123456Z web "
TEXTS = st.lists(st.sampled_from([b"\n", b"a", b"bc"])).map(b"".join)


def of(text: bytes) -> list[bytes]:
    return text.removesuffix(b"\n").split(b"\n") if text else []


@given(TEXTS)
def test_every_line_of_a_text_is_found(text):
    assert [text[start:end] for start, end in all_line_spans(text)] == of(text)
    assert number_of_lines(text) == len(of(text))


@given(TEXTS)
def test_lines_with_a_hit_and_the_others_are_all_lines(text):
    hits = [at for at, byte in enumerate(text) if byte in b"a"]
    assert [text[start:end] for start, end in line_spans_at(text, hits)] == [
        line for line in of(text) if b"a" in line
    ]
    assert [
        text[start:end] for start, end in other_line_spans(text, line_spans_at(text, hits))
    ] == [line for line in of(text) if b"a" not in line]


def test_a_hit_in_the_stamp_is_not_said():
    text = (SHORT_STAMP + b"x y\n") * 2 + SHORT_STAMP + b"web\nweb"
    hits = [at for at in range(len(text)) if text.startswith(b"web", at)]
    assert [text[start:end] for start, end in line_spans_at(text, hits, in_message=True)] == [
        SHORT_STAMP + b"web",
        b"web",
    ]
    assert len(list(line_spans_at(text, hits))) == 4
