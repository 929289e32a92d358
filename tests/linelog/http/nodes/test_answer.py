"""Lines of an answer, whatever a node sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.http.nodes import answer
from logsrv.linelog.http.nodes.answer import (
    EARLIEST,
    LATEST,
    NodeFailure,
    parse_moment,
    parse_node_line,
    split_body_lines,
)
from logsrv.linelog.read.render import hit_as_json
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.http.nodes.samples import BEGIN

STAMP = exact_rfc3339(BEGIN)


@given(st.integers(EARLIEST, LATEST - 1))
def test_a_moment_keeps_its_microseconds(moment):
    assert parse_moment(exact_rfc3339(moment)) == moment


@pytest.mark.parametrize("text", ["plain", "a  b ", "\\xff", "日本", '{"level": "error"}', ""])
def test_a_line_is_the_one_that_the_node_stored(text):
    stored = f"{STAMP} web@tcp:1.2.3.4:5 {text}".encode()
    sent = hit_as_json(Hit(Position(3, 4), stored)).encode()
    assert parse_node_line(sent, 0) == (BEGIN, stored, Position(3, 4))


def test_a_line_without_a_stamp_is_at_the_time_of_the_one_before():
    sent = hit_as_json(Hit(Position(1, 0), b"no stamp")).encode()
    assert parse_node_line(sent, 77) == (77, b"no stamp", Position(1, 0))


def test_a_newline_in_a_message_makes_no_other_line():
    sent = {"position": "1:0", "time": STAMP, "source": "a", "message": "x\ny"}
    assert parse_node_line(json.dumps(sent).encode(), 0).line == f"{STAMP} a x\\x0ay".encode()
    sent["source"] = "a\nb"
    with pytest.raises(NodeFailure):
        parse_node_line(json.dumps(sent).encode(), 0)


def test_a_line_of_no_day_is_at_the_time_of_the_one_before():
    """Somebody has edited the store: the other lines are there."""
    stamp = STAMP.replace("-11-", "-99-")
    sent = {"position": "1:0", "time": stamp, "source": "a", "message": "x"}
    assert parse_node_line(json.dumps(sent).encode(), 77)[:2] == (77, f"{stamp} a x".encode())


LINES = st.lists(st.binary(max_size=8).map(lambda line: line.replace(b"\n", b"")), max_size=8)


@given(LINES, st.integers(1, 9))
def test_lines_are_the_same_in_pieces_of_any_size(lines, size):
    sent = b"".join(line + b"\n" for line in lines)
    pieces = (sent[at : at + size] for at in range(0, len(sent), size))
    assert list(split_body_lines(pieces)) == lines


def test_a_line_that_is_not_whole_is_none():
    found = split_body_lines(iter([b"a\nb", b"c"]))
    assert next(found) == b"a"
    with pytest.raises(NodeFailure, match="broke off"):
        next(found)


def test_a_line_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(answer, "LONGEST_LINE", 10)
    with pytest.raises(NodeFailure, match="longer than"):
        next(split_body_lines(iter([b"x" * 6, b"x" * 6])))
