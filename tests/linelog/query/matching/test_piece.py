"""A text in pieces of whole lines, each with the places of its lines and messages."""

import numpy
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.matching import piece
from logsrv.linelog.query.matching.line_spans import all_line_spans
from logsrv.linelog.query.matching.piece import TextPiece, pieces_of_text

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "


def spans(text: bytes) -> list[tuple[int, int]]:
    return [
        one for some in pieces_of_text(text) for one in some.spans(numpy.arange(len(some.ends)))
    ]


@given(st.lists(st.binary(max_size=8)).map(b"\n".join), st.integers(1, 20))
def test_the_lines_of_all_pieces_are_those_of_the_text(text, size):
    before, piece.SIZE = piece.SIZE, size
    try:
        assert spans(text) == list(all_line_spans(text))
    finally:
        piece.SIZE = before


@given(st.lists(st.builds(lambda cut, more: STAMP[cut:] + more, st.integers(0, 60), st.binary())))
def test_messages_begin_behind_stamps(lines):
    lines = [line.replace(b"\n", b"") for line in lines]
    text = b"".join(line + b"\n" for line in lines)
    if text:
        one = TextPiece(text, 0, len(text))
        known = [Record(line).start for line in lines]
        assert (one.messages - one.starts).tolist() == known


def test_a_line_that_is_longer_than_a_piece_is_one():
    text = b"a\n" + b"x" * (2 * piece.SIZE) + b"\nb"
    assert [len(some.ends) for some in pieces_of_text(text)] == [1, 1, 1]
    assert spans(text)[1] == (2, 2 + 2 * piece.SIZE)


def test_spans_are_as_a_list_of_pairs():
    one = TextPiece(b"a\nbc\n", 0, 5)
    found = one.spans(numpy.array([0, 1]))
    assert len(found) == 2 and found[-1] == (2, 4)
    assert list(found) == [(0, 1), (2, 4)] and list(found[:1]) == [(0, 1)]
